"""What an operator may choose about triggers, and what a delivery can come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.config.keys import ChecksScope as Checks
from bot.queue import Reply, TaskRequest

__all__ = ["Again", "Checks", "Decision", "Ignored", "Said", "Stop", "TriggerPolicy", "Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPolicy:
    """Who may ask for what, and how. Whether the person may is looked up by the job.

    A repository's own configuration is read by the job, too, and can only refuse more.
    """

    label: str = "codeagent"
    """The label that asks, on issues and pull requests; upper and lower case are one."""

    labels: tuple[str, ...] = ()
    """Further labels that a repository may have chosen; whether this one has, the job finds out."""

    repositories: tuple[str, ...] = ()
    """Names or patterns ("owner/*"); empty allows every repository that the App is installed on."""

    bots: frozenset[str] = field(default_factory=frozenset)
    """Logins of bots that may ask, exactly as GitHub writes them ("renovate[bot]"); all others may not
    (threat 6)."""

    app_login: str = ""
    """The App's own login, "name[bot]": what it does itself asks for nothing, and only its own pull requests
    and check runs are answered. Empty: not known."""

    assignees: frozenset[str] = field(default_factory=frozenset)
    """Further logins whose being assigned asks: GitHub lets few Apps be assigned, but any machine user."""

    checks: Checks = Checks.OFF
    """Failing checks that a repository may have repaired without being asked; never those of forks. A label
    or command on the pull request asks whatever stands here."""

    labelling: bool = True
    """Whether the label asks."""

    commands: bool = True
    """Whether ``fix``, ``explain`` and ``retry`` in comments ask. ``stop``, ``status`` and ``help`` always
    do."""

    assignment: bool = True
    """Whether being assigned asks."""

    review: bool = True
    """Whether review comments on the App's own pull requests bring it back to work."""

    def is_label(self, name: str) -> bool:
        return name.casefold() in {label.casefold() for label in (self.label, *self.labels)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    request: TaskRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The newest job of a subject is asked for once more, with the text that it was first asked with."""

    subject: str
    delivery: str
    sender: str
    sender_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A comment that answers a question, if one is open for its issue: the queue knows."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The active jobs of these subjects are to stop, if there are any."""

    subjects: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    reason: str


Decision = Wanted | Again | Said | Stop | Ignored
