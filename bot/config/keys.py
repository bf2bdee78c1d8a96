"""The keys of ``.github/codeagent.yml``: their types, defaults and meanings. The published schema is made of
them.

A key that is left out leaves the matter to the organisation's file, then to the operator. What was said is in
``model_fields_set``; ``bot.config.merge`` goes by it. None of these texts ever reaches a shell of the host.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from agent.method import Driver
from bot.config import templates

LONGEST_WORD: Final = 1000


class ChecksScope(StrEnum):
    """Which failing checks are looked at without being asked."""

    OFF = "off"
    DEFAULT_BRANCH = "default-branch"
    PULL_REQUESTS = "pull-requests"
    ALL = "all"

    @property
    def default_branch(self) -> bool:
        return self in (ChecksScope.DEFAULT_BRANCH, ChecksScope.ALL)

    @property
    def pull_requests(self) -> bool:
        return self in (ChecksScope.PULL_REQUESTS, ChecksScope.ALL)


class Push(StrEnum):
    """Where the fix of a pull request's failing check goes."""

    PULL_REQUEST = "pull-request"  # a pull request of its own into the head branch
    DIRECT = "direct"  # a commit on the head branch


class Refused(StrEnum):
    """What somebody hears who may not ask."""

    SILENT = "silent"
    POLITE = "polite"  # one comment


def _plain(word: str) -> str:
    if not word or "\0" in word or len(word) > LONGEST_WORD:
        raise ValueError(f"must have 1 to {LONGEST_WORD} characters and no NUL")
    return word


Word = Annotated[str, AfterValidator(_plain), Field(min_length=1, max_length=LONGEST_WORD)]
Label = Annotated[str, Field(min_length=1, max_length=50)]
Login = Annotated[
    str, Field(pattern=r"^(team:[A-Za-z0-9][A-Za-z0-9._-]{0,99}|[A-Za-z0-9](-?[A-Za-z0-9]){0,38})$")
]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Money = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TriggersPart(_Part):
    """What the bot answers to."""

    label: bool = Field(default=True, description="the label on an issue")
    commands: bool = Field(default=True, description="commands in comments: /codeagent fix and others")
    assignment: bool = Field(default=True, description="being assigned to an issue")
    checks: ChecksScope = Field(
        default=ChecksScope.OFF, description="failing checks: on which commits they are looked at unasked"
    )
    review: bool = Field(default=True, description="review comments on its own pull requests")


class LimitsPart(_Part):
    """Caps of one command."""

    seconds: Seconds | None = Field(default=None, description="wall-clock seconds of one command")
    memory_mib: int | None = Field(default=None, ge=64, description="memory of one command, MiB")


class PeriodPart(_Part):
    """Caps of all runs of the repository in one day or month (UTC)."""

    runs: int | None = Field(default=None, ge=0, description="how many runs may be begun")
    tokens: Count | None = Field(default=None, description="tokens of a model, all runs together")
    money: Money | None = Field(default=None, description="US dollars for a model, all runs together")


class BudgetPart(_Part):
    """Caps of one run, and of all runs in a day and in a month."""

    seconds: Seconds | None = Field(default=None, description="wall-clock seconds of one run")
    iterations: Count | None = Field(default=None, description="code-test-feedback rounds of one run")
    tokens: Count | None = Field(default=None, description="tokens of a model in one run")
    money: Money | None = Field(default=None, description="US dollars for a model in one run")
    day: PeriodPart = Field(default=PeriodPart(), description="caps of one day")
    month: PeriodPart = Field(default=PeriodPart(), description="caps of one month")


class ChecksPart(_Part):
    """How failing checks are dealt with."""

    push: Push = Field(
        default=Push.PULL_REQUEST,
        description="the fix of a pull request's check: a pull request into its branch, or a commit on it",
    )


class ReviewPart(_Part):
    """The answers to reviewers."""

    limit: int | None = Field(default=None, ge=0, description="how many times a pull request is reworked")


class RepoConfig(_Part):
    """Settings of the CodeAgent bot for a repository. They can only tighten what the operator allows."""

    enabled: bool = Field(default=True, description="false turns the bot off here")
    label: Label | None = Field(
        default=None, description="the label that asks for work, of those that the operator allows"
    )
    triggers: TriggersPart = Field(default=TriggersPart(), description="what the bot answers to")
    refused: Refused = Field(
        default=Refused.POLITE, description="what somebody hears who may not ask, if the operator allows it"
    )
    checks: ChecksPart = Field(default=ChecksPart(), description="how failing checks are dealt with")
    review: ReviewPart = Field(default=ReviewPart(), description="how reviewers are answered")

    base: Word | None = Field(
        default=None, max_length=200, description="the branch that is fixed; default: the default branch"
    )
    draft: bool = Field(default=False, description="open pull requests as drafts")
    labels: tuple[Label, ...] = Field(default=(), max_length=20, description="labels of the pull requests")
    reviewers: tuple[Login, ...] = Field(
        default=(), max_length=15, description="who is asked for a review: logins, team:SLUG for a team"
    )
    title: Annotated[str, AfterValidator(templates.checked)] | None = Field(
        default=None, min_length=1, max_length=200, description="the title of the pull requests"
    )
    body: Annotated[str, AfterValidator(templates.checked), AfterValidator(templates.closed)] | None = Field(
        default=None,
        min_length=1,
        max_length=4000,
        description="text that opens the description of the pull requests; the proof always follows",
    )
    language: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z]{2,20}([ -][A-Za-z0-9]{1,20}){0,3}$",
        description="of the rationale, as far as a model words it; the built-in texts are English",
    )

    allowed: tuple[Word, ...] = Field(
        default=(), max_length=200, description="globs: a patch may touch nothing else; empty: everything"
    )
    protected: tuple[Word, ...] = Field(
        default=(), max_length=200, description="globs: no patch may touch these files"
    )

    test_command: tuple[Word, ...] = Field(
        default=(), max_length=64, description="how the tests are run, when it cannot be guessed"
    )
    setup: tuple[Word, ...] = Field(
        default=(),
        max_length=20,
        description="shell commands that are run in the sandbox after the dependencies were installed",
    )
    image: Word | None = Field(
        default=None, max_length=300, description="the sandbox's image, of those that the operator allows"
    )
    python: str | None = Field(
        default=None,
        pattern=r"^3\.\d{1,2}$",
        description="the version of Python, if the sandbox has it",
    )
    driver: Driver | None = Field(
        default=None, description="who drives the search; built-in is always allowed"
    )
    model: str | None = Field(
        default=None, min_length=1, max_length=200, description="the model, of those that the operator allows"
    )
    limits: LimitsPart = Field(default=LimitsPart(), description="caps of one command")
    budget: BudgetPart = Field(default=BudgetPart(), description="caps of runs")

    _within: tuple[tuple[str, ...], ...] = PrivateAttr(default=())

    @property
    def bounds(self) -> tuple[tuple[str, ...], ...]:
        """Lists of globs; a path may be touched that is in each of them: the organisation's and its own."""
        return tuple(globs for globs in (*self._within, self.allowed) if globs)

    def may_touch(self, path: str) -> bool:
        """Whether a patch may change this file. ``*`` matches any part of a path."""
        inside = all(_matches(path, globs) for globs in self.bounds)
        return inside and not _matches(path, self.protected)

    def within(self, bounds: tuple[tuple[str, ...], ...]) -> RepoConfig:
        """The same, with further bounds."""
        copy = self.model_copy()
        copy._within = (*self._within, *bounds)
        return copy


def _matches(path: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(path, glob) for glob in globs)
