"""The names under which the bot finds its own things again: branch, markers, check run. Pure.

They depend on the issue only (and on an earlier pull request of its that was merged, after which a new one is
due), so that whatever a killed attempt or an earlier generation created is found and not created again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from bot.queue import Kind, TaskRequest

CHECK_NAME: Final = "CodeAgent"

OWN_BRANCHES: Final = "codeagent/"
"""What every branch of ours begins with."""

CHECK_PREFIX: Final = "codeagent/"
"""Of the external id of every check run of ours. After it comes the job's subject without installation and
repository ("issue/3", "check/pull/7"): so the buttons of a check run find their job again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    branch: str
    pull_request: str  # marker
    comment: str  # marker
    check: str  # external id


def names_for(repository_id: int, issue: int, merged: int | None = None) -> Names:
    """``merged`` is the number of the last merged pull request for this issue, if any."""
    subject = f"{repository_id}/{issue}" + (f"/after-{merged}" if merged else "")
    short = hashlib.sha256(f"codeagent {subject}".encode()).hexdigest()[:8]
    return Names(
        branch=f"{OWN_BRANCHES}issue-{issue}-{short}",
        pull_request=f"<!-- codeagent:pull-request {short} -->",
        comment=f"<!-- codeagent:issue {issue} -->",
        check=f"{CHECK_PREFIX}issue/{issue}",
    )


def names_of(request: TaskRequest, merged: int | None = None) -> Names:
    """Of a job's issue, or of what its failing check belongs to; of its text where there is neither (a task
    that a workflow was given)."""
    if request.kind is Kind.ERRAND:
        return names_for_errand(request)
    if request.kind is Kind.EXPLAIN:
        return names_for_explanation(request)
    if request.kind is Kind.CHECK:
        return names_for_check(request.repository_id, request.subject, merged)
    if request.issue:
        return names_for(request.repository_id, request.issue, merged)
    text = f"{request.repository_id}/task/{request.title}\n{request.body}"
    subject = text + (f"\nafter-{merged}" if merged else "")
    short = hashlib.sha256(f"codeagent {subject}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return Names(
        branch=f"codeagent/task-{short}",
        pull_request=f"<!-- codeagent:pull-request {short} -->",
        comment=f"<!-- codeagent:task {short} -->",
        check=f"{CHECK_PREFIX}task/{short}",
    )


def external_id(subject: str) -> str:
    """Of the check run that a job of this subject (``bot.queue.TaskRequest.subject``) makes."""
    return CHECK_PREFIX + "/".join(subject.split("/")[2:])


def names_for_check(repository_id: int, subject: str, merged: int | None = None) -> Names:
    """Of the repair of a branch or pull request whose checks fail. ``subject`` is its job's."""
    mark = external_id(subject)
    after = f"/after-{merged}" if merged else ""
    short = hashlib.sha256(f"codeagent {repository_id}/{mark}{after}".encode()).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", mark.removeprefix(f"{CHECK_PREFIX}check/"))[:40].strip("-")
    return Names(
        branch=f"{OWN_BRANCHES}check-{readable or 'commit'}-{short}",
        pull_request=f"<!-- codeagent:pull-request {short} -->",
        comment=f"<!-- codeagent:check {short} -->",
        check=mark,
    )


def names_for_explanation(request: TaskRequest) -> Names:
    """It has a comment and a check run beside those of a repair of the same issue, and no branch."""
    return Names(
        branch="",
        pull_request="",
        comment=f"<!-- codeagent:explanation {request.issue} -->",
        check=external_id(request.subject),
    )


def names_for_errand(request: TaskRequest) -> Names:
    """Each command has an answer of its own."""
    short = hashlib.sha256(f"codeagent {request.subject}".encode()).hexdigest()[:16]
    mark = f"<!-- codeagent:answer {short} -->"
    return Names(branch="", pull_request="", comment=mark, check=external_id(request.subject))
