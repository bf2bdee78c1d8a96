"""The names under which the bot finds its own things again: branch, markers, check run. Pure.

They depend on the issue only (and on an earlier pull request of its that was merged, after which a new one is
due), so that whatever a killed attempt or an earlier generation created is found and not created again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

CHECK_NAME: Final = "CodeAgent"

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
        branch=f"codeagent/issue-{issue}-{short}",
        pull_request=f"<!-- codeagent:pull-request {short} -->",
        comment=f"<!-- codeagent:issue {issue} -->",
        check=f"{CHECK_PREFIX}issue/{issue}",
    )


def external_id(subject: str) -> str:
    """Of the check run that a job of this subject (``bot.queue.TaskRequest.subject``) makes."""
    return CHECK_PREFIX + "/".join(subject.split("/")[2:])
