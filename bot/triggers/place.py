"""Where a delivery comes from, and the requests that are made of it: text is frozen here (threat 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.deliveries.payloads import Repository, User
from bot.deliveries.webhook import TEXT_CAP, TITLE_CAP, storable
from bot.names import CHECK_PREFIX
from bot.queue import FailedCheck, Kind, TaskRequest
from bot.triggers.policy import TriggerPolicy, Wanted

NAME_CAP = 256  # logins, labels, branches, paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What every delivery that asks for something must carry, and what the operator chose."""

    guid: str
    installation: int
    repository: Repository
    sender: User
    policy: TriggerPolicy

    def request(
        self, kind: Kind, *, issue: int, title: str = "", body: str = "", author: str = "", **more: Any
    ) -> TaskRequest:
        """``more`` are fields of TaskRequest; what comes out can be stored everywhere."""
        return TaskRequest(
            delivery=self.guid,
            installation=self.installation,
            repository_id=self.repository.id,
            repository=storable(self.repository.full_name, NAME_CAP),
            issue=issue,
            title=storable(title, TITLE_CAP),
            body=storable(body, TEXT_CAP),
            author=storable(author or "ghost", NAME_CAP),
            sender=storable(self.sender.login, NAME_CAP),
            sender_id=self.sender.id,
            kind=kind,
            **{"label": "", **more},
        )

    def wanted(self, kind: Kind, *, issue: int, **more: Any) -> Wanted:
        return Wanted(request=self.request(kind, issue=issue, **more))

    def subjects(self, number: int, *kinds: Kind) -> tuple[str, ...]:
        """Of all jobs of these kinds that belong to an issue or pull request."""
        return subjects(self.request(Kind.ERRAND, issue=number), *kinds)

    def subject_of_check(self, external_id: str) -> str:
        """Of the job that made a check run; nothing when the mark is none of ours."""
        tail = external_id.removeprefix(CHECK_PREFIX)
        if tail == external_id or not tail or len(tail) > NAME_CAP:
            return ""
        return f"{self.installation}/{self.repository.id}/{storable(tail, NAME_CAP)}"


WORKING = (Kind.FIX, Kind.EXPLAIN, Kind.CHECK, Kind.REVIEW)


def subjects(request: TaskRequest, *kinds: Kind) -> tuple[str, ...]:
    """The subjects of jobs that belong to a request's issue, pull request or branch; of all kinds when none
    is named. Numbers are shared by issues and pull requests, so none is taken for another."""
    here = request.check or FailedCheck(pull=request.issue)
    return tuple(
        TaskRequest(
            delivery=request.delivery,
            installation=request.installation,
            repository_id=request.repository_id,
            repository=request.repository,
            issue=request.issue,
            title="",
            body="",
            author="",
            sender="",
            label="",
            kind=kind,
            check=here if kind is Kind.CHECK else None,
        ).subject
        for kind in kinds or WORKING
        if request.issue or kind is Kind.CHECK
    )


def login_of(user: User | None) -> str:
    return user.login if user is not None else ""


def same(a: str, b: str) -> bool:
    """GitHub's names differ in more than case."""
    return bool(a) and a.casefold() == b.casefold()
