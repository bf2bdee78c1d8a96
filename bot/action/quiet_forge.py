"""A forge as the Action's job sees it: some of what a job does is not wanted there.

The step's own job takes the place of a check run. A task without an issue has no place for a comment. With
``pull-request: false`` nothing is written at all: the patch is a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from bot.config.reading import PATH as CONFIG_PATH
from bot.errors import ForgeRefused
from bot.forge import Branch, CheckRun, NewCommit, NewPullRequest, PullRequest
from bot.github.access import Access
from bot.github.endpoints import Requests
from bot.github.forge import GitHubForge, Identity

NO_COMMIT: Final = "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What a step's inputs change. ``silent``: nothing is written to the repository; ``config`` stands for
    the repository's file; ``home`` is the run's page, which a silent run has in the place of a pull
    request."""

    silent: bool = False
    base: str = ""
    config: str = ""
    draft: bool | None = None
    home: str = ""


class ActionForge(GitHubForge):
    """``bot.forge.Forge`` with the step's manners."""

    def __init__(
        self,
        access: Access,
        requests: Requests,
        identity: Identity,
        redact: Callable[[str], str],
        manners: Manners,
    ) -> None:
        super().__init__(access, requests, identity, redact)
        self._manners = manners

    def own_comment(self, number: int, marker: str) -> str | None:
        """What the one comment with the marker says; None: there is none."""
        found = self._own_comment(number, marker)
        return None if found is None else found.body or ""

    # --- reading what the inputs say instead ---

    def default_branch(self) -> Branch | None:
        if not self._manners.base:
            return super().default_branch()
        found = self.branch(self._manners.base)
        if found is None:
            raise ForgeRefused(f"base: there is no branch {self._manners.base!r} in the repository.")
        return found

    def read_file(self, path: str, ref: str) -> bytes | None:
        if path == CONFIG_PATH and self._manners.config:
            return self._manners.config.encode()
        return super().read_file(path, ref)

    # --- writing ---

    def upsert_check_run(self, check: CheckRun) -> str:  # noqa: ARG002
        """None is made: the step's own job is one, and ``checks: write`` is one permission less."""
        return self._manners.home

    def upsert_comment(self, number: int, marker: str, body: str) -> str:
        if self._manners.silent or not number:
            return self._manners.home
        return super().upsert_comment(number, marker, body)

    def create_commit(self, new: NewCommit) -> str:
        return NO_COMMIT if self._manners.silent else super().create_commit(new)

    def move_branch(self, name: str, sha: str, expected: str | None) -> bool:
        return True if self._manners.silent else super().move_branch(name, sha, expected)

    def upsert_pull_request(self, new: NewPullRequest) -> PullRequest:
        if self._manners.silent:
            return PullRequest(number=0, url=self._manners.home, head=new.head, base=new.base, open=True)
        draft = self._manners.draft
        return super().upsert_pull_request(new if draft is None else replace(new, draft=draft))
