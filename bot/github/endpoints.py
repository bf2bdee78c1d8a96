"""What is asked of GitHub about one repository, its issues and its pull requests: one method, one request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Self
from urllib.parse import quote

from pydantic import TypeAdapter

from bot.github.checks import CheckRequests
from bot.github.git_data import GitRequests
from bot.github.line import Request
from bot.github.requests import PAGE, RepositoryRequests
from bot.github.reviews import ReviewRequests
from bot.github.shapes import (
    CommentShape,
    ContentShape,
    IssueShape,
    PermissionShape,
    PullShape,
    RepositoryShape,
)

_COMMENTS: Final = TypeAdapter(list[CommentShape])
_PULLS: Final = TypeAdapter(list[PullShape])
_CONTENT: Final[TypeAdapter[ContentShape | list[Any]]] = TypeAdapter(ContentShape | list[Any])


class Endpoints(RepositoryRequests):
    """What is asked about one repository, its issues and its pull requests."""

    # --- reading --------------------------------------------------------------------------------------------

    def permission(self, login: str) -> PermissionShape:
        return self._ask(
            "GET",
            f"say what {login} may do",
            lambda gh: gh.rest.repos.get_collaborator_permission_level(
                self.owner, self.name, quote(login, safe="")
            ),
            PermissionShape.model_validate,
        )

    def repository(self) -> RepositoryShape:
        return self._ask(
            "GET",
            "describe the repository",
            lambda gh: gh.rest.repos.get(self.owner, self.name),
            RepositoryShape.model_validate,
        )

    def content(self, path: str, ref: str) -> ContentShape | list[Any]:
        return self._ask(
            "GET",
            f"read {path} at {ref}",
            lambda gh: gh.rest.repos.get_content(self.owner, self.name, quote(path, safe="/"), ref=ref),
            _CONTENT.validate_python,
        )

    def issue(self, number: int) -> IssueShape:
        return self._ask(
            "GET",
            f"show issue {number}",
            lambda gh: gh.rest.issues.get(self.owner, self.name, number),
            IssueShape.model_validate,
        )

    # --- comments -------------------------------------------------------------------------------------------

    def comments(self, number: int, page: int) -> list[CommentShape]:
        return self._ask(
            "GET",
            f"list the comments of issue {number}",
            lambda gh: gh.rest.issues.list_comments(self.owner, self.name, number, per_page=PAGE, page=page),
            _COMMENTS.validate_python,
        )

    def create_comment(self, number: int, body: str) -> CommentShape:
        return self._ask(
            "POST",
            f"comment on issue {number}",
            lambda gh: gh.rest.issues.create_comment(self.owner, self.name, number, body=body),
            CommentShape.model_validate,
        )

    def edit_comment(self, comment: int, body: str) -> CommentShape:
        return self._ask(
            "PATCH",
            f"edit comment {comment}",
            lambda gh: gh.rest.issues.update_comment(self.owner, self.name, comment, body=body),
            CommentShape.model_validate,
        )

    # --- pull requests --------------------------------------------------------------------------------------

    def pulls(self, *, head: str | None, state: Literal["open", "all"], page: int) -> list[PullShape]:
        """Newest first. ``head``: a branch of this repository."""
        return self._ask(
            "GET",
            f"list the pull requests from {head}" if head else "list the pull requests",
            lambda gh: gh.rest.pulls.list(
                *(self.owner, self.name),
                **({"head": f"{self.owner}:{head}"} if head else {}),
                state=state,
                sort="created",
                direction="desc",
                per_page=PAGE,
                page=page,
            ),
            _PULLS.validate_python,
        )

    def pull(self, number: int) -> PullShape:
        return self._ask(
            "GET",
            f"show pull request {number}",
            lambda gh: gh.rest.pulls.get(self.owner, self.name, number),
            PullShape.model_validate,
        )

    def create_pull(self, *, title: str, body: str, head: str, base: str, draft: bool) -> PullShape:
        return self._ask(
            "POST",
            f"open a pull request from {head}",
            lambda gh: gh.rest.pulls.create(
                *(self.owner, self.name), title=title, body=body, head=head, base=base, draft=draft
            ),
            PullShape.model_validate,
        )

    def edit_pull(self, number: int, *, title: str, body: str) -> PullShape:
        return self._ask(
            "PATCH",
            f"edit pull request {number}",
            lambda gh: gh.rest.pulls.update(self.owner, self.name, number, title=title, body=body),
            PullShape.model_validate,
        )

    def add_labels(self, number: int, labels: list[str]) -> None:
        self._ask(
            "POST",
            f"label pull request {number}",
            lambda gh: gh.rest.issues.add_labels(self.owner, self.name, number, labels=list(labels)),
            lambda _: None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """All of them, by subject."""

    at: Endpoints
    git: GitRequests
    checks: CheckRequests
    reviews: ReviewRequests

    @classmethod
    def about(cls, full_name: str, ask: Callable[[Request], Any]) -> Self:
        return cls(
            at=Endpoints(full_name, ask),
            git=GitRequests(full_name, ask),
            checks=CheckRequests(full_name, ask),
            reviews=ReviewRequests(full_name, ask),
        )
