"""The JSON of pull requests, reviews and review comments."""

from __future__ import annotations

from tests.double.clock import stamp
from tests.double.shapes import Shapes, node_id
from tests.double.state import Issue, Json, Pull, Repository, Review, ReviewComment


def side(shapes: Shapes, repository: Repository, branch: str, sha: str) -> Json:
    return {
        "label": f"{repository.owner.login}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": shapes.user(repository.owner),
        "repo": shapes.repository(repository),
    }


def team(shapes: Shapes, slug: str) -> Json:
    number = sum(slug.encode())  # the double has no teams of its own: a name is all that is asked of them
    url = f"{shapes.api}/teams/{number}"
    return {
        "id": number,
        "node_id": node_id("T", number),
        "url": url,
        "members_url": f"{url}/members{{/member}}",
        "name": slug,
        "slug": slug,
        "description": None,
        "permission": "push",
        "privacy": "closed",
        "type": "organization",
        "organization_id": number,
        "notification_setting": "notifications_enabled",
        "html_url": f"{shapes.site}/teams/{slug}",
        "repositories_url": f"{url}/repos",
        "parent": None,
    }


def links(url: str, page: str, issue_url: str, api: str, head: str) -> dict[str, str]:
    return {
        "self": url,
        "html": page,
        "issue": issue_url,
        "comments": f"{issue_url}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{api}/statuses/{head}",
    }


def simple(shapes: Shapes, repository: Repository, issue: Issue, pull: Pull) -> Json:
    """A pull request as the list shows it."""
    api = shapes.repository_api(repository)
    url, page, issue_url = (
        f"{api}/pulls/{issue.number}",
        shapes.issue_page(repository, issue),
        shapes.issue_url(repository, issue),
    )
    head = repository.head_of(pull, is_open=issue.state == "open")
    targets = links(url, page, issue_url, api, head)
    as_issue = shapes.issue(repository, issue)
    shared = (
        "number state locked title user body created_at updated_at closed_at assignee assignees milestone "
        "labels author_association active_lock_reason"
    )
    return {
        "url": url,
        "id": pull.id,
        "node_id": node_id("PR", repository.id, pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue_url,
        "commits_url": targets["commits"],
        "review_comments_url": targets["review_comments"],
        "review_comment_url": targets["review_comment"],
        "comments_url": targets["comments"],
        "statuses_url": targets["statuses"],
        **{name: as_issue[name] for name in shared.split()},
        "merged_at": stamp(pull.merged),
        "merge_commit_sha": pull.merge_sha,
        "requested_reviewers": [shapes.user(each) for each in pull.reviewers],
        "requested_teams": [team(shapes, each) for each in pull.teams],
        "draft": pull.draft,
        "head": side(shapes, pull.fork or repository, pull.head, head),
        "base": side(shapes, repository, pull.base, pull.base_sha),
        "_links": {name: {"href": target} for name, target in targets.items()},
        "auto_merge": None,
    }


def full(shapes: Shapes, repository: Repository, issue: Issue, pull: Pull) -> Json:
    """A pull request as GET pulls/{n} shows it, with what git says of it now."""
    git, shape = repository.git, simple(shapes, repository, issue, pull)
    head = shape["head"]["sha"]
    base = git.merge_base(pull.base_sha, head) or pull.base_sha
    changes = git.changes(base, head)
    open_now = issue.state == "open"
    mergeable = git.mergeable(git.tip(pull.base) or pull.base_sha, head) if open_now else None
    return {
        **shape,
        "merged": pull.merged is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": "unknown" if mergeable is None else "clean" if mergeable else "dirty",
        "merged_by": None if pull.merged_by is None else shapes.user(pull.merged_by),
        "comments": len(issue.comments),
        "review_comments": len(pull.review_comments),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": git.count(base, head),
        "additions": sum(each.additions for each in changes),
        "deletions": sum(each.deletions for each in changes),
        "changed_files": len(changes),
    }


def review(shapes: Shapes, repository: Repository, issue: Issue, made: Review) -> Json:
    url = f"{shapes.repository_api(repository)}/pulls/{issue.number}"
    page = f"{shapes.issue_page(repository, issue)}#pullrequestreview-{made.id}"
    return {
        "id": made.id,
        "node_id": node_id("PRR", repository.id, made.id),
        "user": shapes.user(made.user),
        "body": made.body,
        "state": made.state,
        "html_url": page,
        "pull_request_url": url,
        "author_association": shapes.association(repository, made.user),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "submitted_at": stamp(made.submitted),
        "commit_id": made.commit,
    }


def review_comment(shapes: Shapes, repository: Repository, issue: Issue, made: ReviewComment) -> Json:
    api = shapes.repository_api(repository)
    url, pull_url = f"{api}/pulls/comments/{made.id}", f"{api}/pulls/{issue.number}"
    page = f"{shapes.issue_page(repository, issue)}#discussion_r{made.id}"
    shape: Json = {
        "url": url,
        "pull_request_review_id": made.review,
        "id": made.id,
        "node_id": node_id("PRRC", repository.id, made.id),
        "diff_hunk": made.diff_hunk,
        "path": made.path,
        "position": made.line,
        "original_position": made.line,
        "commit_id": made.commit,
        "original_commit_id": made.commit,
        "user": shapes.user(made.user),
        "body": made.body,
        "created_at": stamp(made.created),
        "updated_at": stamp(made.updated),
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": shapes.association(repository, made.user),
        "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull_url}},
        "reactions": shapes.rollup(url, made.reactions),
        "line": made.line,
        "original_line": made.line,
        "side": made.side,
        "start_line": made.start_line,
        "original_start_line": made.start_line,
        "start_side": None if made.start_line is None else made.side,
        "subject_type": "line",
    }
    if made.in_reply_to is not None:
        shape["in_reply_to_id"] = made.in_reply_to
    return shape
