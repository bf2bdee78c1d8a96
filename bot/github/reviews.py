"""Review threads on pull requests: read, answered, resolved."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bot.github.requests import PAGE, RepositoryRequests
from bot.github.shapes import ReviewCommentShape, ReviewShape

THREADS: Final = """
query($owner: String!, $name: String!, $pull: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $pull) {
      reviewThreads(first: 100, after: $after) {
        nodes { id isResolved viewerCanResolve comments(first: 1) { nodes { fullDatabaseId } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
"""REST knows no threads. ``databaseId`` would not do: it is 32 bits wide, and comments' ids are past that."""

RESOLVE: Final = """
mutation($thread: ID!) {
  resolveReviewThread(input: {threadId: $thread}) { thread { id isResolved } }
}
"""


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _First(_Node):
    fullDatabaseId: int | None = None


class _Comments(_Node):
    nodes: tuple[_First | None, ...] | None = None


class Thread(_Node):
    id: str
    isResolved: bool = False
    viewerCanResolve: bool = False
    comments: _Comments = _Comments()

    @property
    def first(self) -> int:
        """The id of its first comment; 0 when that is gone."""
        nodes = self.comments.nodes or ()
        return (nodes[0].fullDatabaseId or 0) if nodes and nodes[0] else 0


class _Page(_Node):
    hasNextPage: bool = False
    endCursor: str | None = None


class Threads(_Node):
    nodes: tuple[Thread | None, ...] | None = None
    pageInfo: _Page = _Page()


_COMMENTS: Final = TypeAdapter(list[ReviewCommentShape])
_REVIEWS: Final = TypeAdapter(list[ReviewShape])


class ReviewRequests(RepositoryRequests):
    def comments(self, pull: int, page: int) -> list[ReviewCommentShape]:
        return self._ask(
            "GET",
            f"list the review comments of pull request {pull}",
            lambda gh: gh.rest.pulls.list_review_comments(
                self.owner, self.name, pull, per_page=PAGE, page=page
            ),
            _COMMENTS.validate_python,
        )

    def comments_of(self, pull: int, review: int, page: int) -> list[ReviewCommentShape]:
        return self._ask(
            "GET",
            f"list the comments of review {review}",
            lambda gh: gh.rest.pulls.list_comments_for_review(
                self.owner, self.name, pull, review, per_page=PAGE, page=page
            ),
            _COMMENTS.validate_python,
        )

    def reply(self, pull: int, thread: int, body: str) -> ReviewCommentShape:
        return self._ask(
            "POST",
            f"answer review thread {thread}",
            lambda gh: gh.rest.pulls.create_reply_for_review_comment(
                self.owner, self.name, pull, thread, body=body
            ),
            ReviewCommentShape.model_validate,
        )

    def edit(self, comment: int, body: str) -> ReviewCommentShape:
        return self._ask(
            "PATCH",
            f"edit review comment {comment}",
            lambda gh: gh.rest.pulls.update_review_comment(self.owner, self.name, comment, body=body),
            ReviewCommentShape.model_validate,
        )

    def reviews(self, pull: int, page: int) -> list[ReviewShape]:
        return self._ask(
            "GET",
            f"list the reviews of pull request {pull}",
            lambda gh: gh.rest.pulls.list_reviews(self.owner, self.name, pull, per_page=PAGE, page=page),
            _REVIEWS.validate_python,
        )

    def request_reviews(self, pull: int, people: list[str], teams: list[str]) -> None:
        data: dict[str, Any] = {
            **({"reviewers": people} if people else {}),
            **({"team_reviewers": teams} if teams else {}),
        }
        self._ask(
            "POST",
            f"request reviews of pull request {pull} from {', '.join((*people, *teams))}",
            lambda gh: gh.rest.pulls.request_reviewers(self.owner, self.name, pull, data=data),
            lambda _: None,
        )

    def threads(self, pull: int, after: str | None) -> Threads:
        """A question, though it is sent as a POST: it may be repeated."""
        variables = {"owner": self.owner, "name": self.name, "pull": pull, "after": after}
        return self._ask(
            "GET",
            f"list the review threads of pull request {pull}",
            lambda gh: gh.graphql.request(THREADS, variables),
            _threads,
        )

    def resolve(self, thread: str) -> None:
        self._ask(
            "POST",
            "resolve a review thread",
            lambda gh: gh.graphql.request(RESOLVE, {"thread": thread}),
            lambda _: None,
        )


class _Pull(_Node):
    reviewThreads: Threads = Threads()


class _Repository(_Node):
    pullRequest: _Pull | None = None


class _Found(_Node):
    repository: _Repository | None = None


def _threads(data: object) -> Threads:
    found = _Found.model_validate(data)
    pull = found.repository.pullRequest if found.repository else None
    return pull.reviewThreads if pull else Threads()
