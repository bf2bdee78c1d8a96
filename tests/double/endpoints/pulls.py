"""Pull requests, with what git says of them; reviews and review comments."""

from __future__ import annotations

from tests.double import shapes_git, shapes_pulls
from tests.double.endpoints.issues import actor, checked_body, checked_title, new_issue, react, set_state
from tests.double.state import Issue, Json, Pull, Repository, Review, ReviewComment, User, World
from tests.double.web import Answer, Call, RefusedError, Route, invalid, not_found, route

READ, WRITE = "pull_requests:read", "pull_requests:write"


def find(call: Call) -> tuple[Issue, Pull]:
    issue = call.repository.issues.get(call.number("pull_number"))
    if issue is None or issue.pull is None:
        raise not_found()
    return issue, issue.pull


def _full(call: Call, issue: Issue, pull: Pull) -> Json:
    return shapes_pulls.full(call.shapes, call.repository, issue, pull)


def get_pull(call: Call) -> Answer:
    """JSON, or with GitHub's media type the diff."""
    issue, pull = find(call)
    if "diff" in call.request.headers.get("accept", ""):
        head = call.repository.head_of(pull, is_open=issue.state == "open")
        base = call.repository.git.merge_base(pull.base_sha, head) or pull.base_sha
        diff = call.repository.git.diff(base, head).encode()
        return Answer(body=diff, headers={"Content-Type": "application/vnd.github.diff; charset=utf-8"})
    return Answer(body=_full(call, issue, pull))


def list_pulls(call: Call) -> Answer:
    """``head`` filters only as owner:branch; a bare branch name is ignored by GitHub, and so it is here."""
    query, rows = call.request.query, []
    owner, _, branch = query.get("head", "").partition(":")
    for issue in sorted(call.repository.issues.values(), key=lambda one: -one.number):
        pull = issue.pull
        if pull is None or query.get("state", "open") not in {"all", issue.state}:
            continue
        login = (pull.fork or call.repository).owner.login
        if branch and (pull.head != branch or owner.lower() != login.lower()):
            continue
        if query.get("base") in {None, pull.base}:
            rows.append((issue, pull))
    if query.get("direction") == "asc":
        rows.reverse()
    return call.page([shapes_pulls.simple(call.shapes, call.repository, issue, pull) for issue, pull in rows])


def create_pull(call: Call) -> Answer:
    body, repository = call.json, call.repository
    title = checked_title("PullRequest", body.get("title"))
    text = checked_body("PullRequest", body.get("body"), required=False)
    head, base = _branch(repository, str(body.get("head"))), str(body.get("base"))
    issue = open_pull(
        call.world,
        repository,
        title=title,
        body=text,
        head=head,
        base=base,
        author=actor(call),
        draft=bool(body.get("draft")),
    )
    assert issue.pull is not None
    issue.app = call.app
    issue.pull.maintainer_can_modify = bool(body.get("maintainer_can_modify", False))
    return Answer(status=201, body=_full(call, issue, issue.pull))


def _branch(repository: Repository, head: str) -> str:
    """``branch`` or ``owner:branch``; from a fork only people open pull requests here."""
    owner, colon, branch = head.partition(":")
    if not colon:
        return head
    if owner.lower() != repository.owner.login.lower():
        raise invalid("PullRequest", "head", "invalid")
    return branch


def open_pull(
    world: World,
    repository: Repository,
    *,
    title: str,
    body: str,
    head: str,
    base: str,
    author: User,
    draft: bool = False,
    fork: Repository | None = None,
) -> Issue:
    """GitHub's own checks: both branches exist, commits lie between them, and no such pull request is
    open."""
    head_sha, base_sha = (fork or repository).git.tip(head), repository.git.tip(base)
    for name, sha in (("head", head_sha), ("base", base_sha)):
        if sha is None:
            raise invalid("PullRequest", name, "invalid")
    assert head_sha is not None
    assert base_sha is not None
    if fork is not None:
        repository.git.import_commit(fork.git.path, head_sha)
    if (head == base and fork is None) or repository.git.count(base_sha, head_sha) == 0:
        raise invalid("PullRequest", None, "custom", f"No commits between {base} and {head}")
    if repository.git.merge_base(base_sha, head_sha) is None:
        raise invalid(
            "PullRequest", None, "custom", f"The {head} branch has no history in common with {base}"
        )
    for each in repository.issues.values():
        if (
            each.state == "open"
            and each.pull is not None
            and (each.pull.head, each.pull.base, each.pull.fork) == (head, base, fork)
        ):
            message = f"A pull request already exists for {repository.owner.login}:{head}."
            raise invalid("PullRequest", None, "custom", message)
    issue = new_issue(world, repository, title=title, body=body, author=author)
    issue.pull = Pull(id=world.id(), head=head, base=base, head_sha=head_sha, base_sha=base_sha, draft=draft)
    issue.pull.fork = fork
    return issue


def update_pull(call: Call) -> Answer:
    (issue, pull), body = find(call), call.json
    if "title" in body:
        issue.title = checked_title("PullRequest", body["title"])
    if "body" in body:
        issue.body = checked_body("PullRequest", body["body"], required=False)
    if "base" in body:
        pull.base_sha = call.repository.git.tip(str(body["base"])) or _no_base()
        pull.base = str(body["base"])
    if "state" in body:
        set_pull_state(call.world, call.repository, issue, body["state"], actor(call))
    issue.updated = call.world.clock.now()
    return Answer(body=_full(call, issue, pull))


def _no_base() -> str:
    raise invalid("PullRequest", "base", "invalid")


def set_pull_state(world: World, repository: Repository, issue: Issue, state: str, by: User) -> None:
    assert issue.pull is not None
    if state == "open" and issue.state == "closed":
        if issue.pull.merged is not None or repository.git.tip(issue.pull.head) is None:
            raise invalid(
                "PullRequest", "state", "custom", "state cannot be changed. The branch is gone or merged."
            )
    elif state == "closed":
        repository.head_of(issue.pull, is_open=issue.state == "open")  # what it was when it closed
    set_state(world, issue, state, by)
    issue.state_reason = None


def list_files(call: Call) -> Answer:
    issue, pull = find(call)
    head = call.repository.head_of(pull, is_open=issue.state == "open")
    base = call.repository.git.merge_base(pull.base_sha, head) or pull.base_sha
    changes = call.repository.git.changes(base, head)
    return call.page([shapes_git.change(call.shapes, call.repository, each, head) for each in changes])


def list_commits(call: Call) -> Answer:
    issue, pull = find(call)
    head = call.repository.head_of(pull, is_open=issue.state == "open")
    shas = call.repository.git.log("--reverse", f"{pull.base_sha}..{head}")
    return call.page([shapes_git.commit(call.shapes, call.repository, each) for each in shas])


# -- reviews ---------------------------------------------------------------------------------------------

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def list_reviews(call: Call) -> Answer:
    issue, pull = find(call)
    return call.page(
        [shapes_pulls.review(call.shapes, call.repository, issue, each) for each in pull.reviews]
    )


def create_review(call: Call) -> Answer:
    (issue, _), body = find(call), call.json
    event = body.get("event", "COMMENT")
    if event in {"APPROVE", "REQUEST_CHANGES"} and issue.user is actor(call):
        what = "approve" if event == "APPROVE" else "request changes on"
        raise RefusedError(422, "Unprocessable Entity", [f"Can not {what} your own pull request"])
    text = checked_body("PullRequestReview", body.get("body"), required=event == "REQUEST_CHANGES")
    made = new_review(call.world, call.repository, issue, actor(call), text, STATES[event])
    for each in body.get("comments") or ():
        new_review_comment(call.world, call.repository, issue, actor(call), each, made)
    return Answer(body=shapes_pulls.review(call.shapes, call.repository, issue, made))


def new_review(
    world: World, repository: Repository, issue: Issue, author: User, body: str, state: str
) -> Review:
    assert issue.pull is not None
    commit, now = repository.head_of(issue.pull, is_open=issue.state == "open"), world.clock.now()
    made = Review(id=world.id(), user=author, body=body, state=state, commit=commit, submitted=now)
    issue.pull.reviews.append(made)
    issue.pull.reviewers = [each for each in issue.pull.reviewers if each is not author]
    return made


def new_review_comment(
    world: World, repository: Repository, issue: Issue, author: User, body: Json, review: Review | None = None
) -> ReviewComment:
    assert issue.pull is not None
    now = world.clock.now()
    made = ReviewComment(
        id=world.id(),
        review=None if review is None else review.id,
        user=author,
        body=checked_body("PullRequestReviewComment", body.get("body"), required=True),
        path=str(body["path"]),
        line=body.get("line"),
        side=str(body.get("side", "RIGHT")),
        commit=str(body.get("commit_id") or repository.head_of(issue.pull, is_open=issue.state == "open")),
        diff_hunk=str(body.get("diff_hunk", "")),
        created=now,
        updated=now,
        in_reply_to=body.get("in_reply_to"),
        start_line=body.get("start_line"),
    )
    issue.pull.review_comments.append(made)
    return made


def list_review_comments(call: Call) -> Answer:
    issue, pull = find(call)
    rows = [
        shapes_pulls.review_comment(call.shapes, call.repository, issue, each)
        for each in pull.review_comments
    ]
    return call.page(rows)


def create_review_comment(call: Call) -> Answer:
    issue, _ = find(call)
    made = new_review_comment(call.world, call.repository, issue, actor(call), call.json)
    return Answer(status=201, body=shapes_pulls.review_comment(call.shapes, call.repository, issue, made))


def _find_review_comment(call: Call) -> tuple[Issue, ReviewComment]:
    number = call.number("comment_id")
    for issue in call.repository.issues.values():
        for each in issue.pull.review_comments if issue.pull else ():
            if each.id == number:
                return issue, each
    raise not_found()


def reply(call: Call) -> Answer:
    issue, parent = _find_review_comment(call)
    if parent.in_reply_to is not None:
        raise RefusedError(422, "Validation Failed", ["replies to replies are not supported"])
    body = {
        "body": call.json.get("body"),
        "path": parent.path,
        "line": parent.line,
        "diff_hunk": parent.diff_hunk,
        "in_reply_to": parent.id,
    }
    made = new_review_comment(call.world, call.repository, issue, actor(call), body)
    return Answer(status=201, body=shapes_pulls.review_comment(call.shapes, call.repository, issue, made))


def get_review_comment(call: Call) -> Answer:
    issue, found = _find_review_comment(call)
    return Answer(body=shapes_pulls.review_comment(call.shapes, call.repository, issue, found))


def update_review_comment(call: Call) -> Answer:
    issue, found = _find_review_comment(call)
    if found.user is not actor(call):
        raise RefusedError(403, "Resource not accessible by integration")
    found.body = checked_body("PullRequestReviewComment", call.json.get("body"), required=True)
    found.updated = call.world.clock.now()
    return Answer(body=shapes_pulls.review_comment(call.shapes, call.repository, issue, found))


def list_comments_of_review(call: Call) -> Answer:
    issue, pull = find(call)
    number = call.number("review_id")
    if number not in {each.id for each in pull.reviews}:
        raise not_found()
    rows = [
        shapes_pulls.review_comment(call.shapes, call.repository, issue, each)
        for each in pull.review_comments
        if each.review == number
    ]
    return call.page(rows)


def request_reviewers(call: Call) -> Answer:
    """All or none, as on GitHub."""
    (issue, pull), body, repository = find(call), call.json, call.repository
    wanted = [call.world.user(str(login)) for login in body.get("reviewers") or ()]
    teams = [str(slug) for slug in body.get("team_reviewers") or ()]
    if issue.user in wanted:
        raise RefusedError(422, "Review cannot be requested from pull request author.")
    known = {repository.owner.login.lower(), *repository.roles}
    if any(each.login.lower() not in known for each in wanted) or not set(teams) <= repository.teams:
        raise RefusedError(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you "
            f"specified is not a collaborator of the {repository.full_name} repository.",
        )
    pull.reviewers = list(dict.fromkeys([*pull.reviewers, *wanted]))
    pull.teams = list(dict.fromkeys([*pull.teams, *teams]))
    return Answer(status=201, body=shapes_pulls.simple(call.shapes, repository, issue, pull))


def react_to_review_comment(call: Call) -> Answer:
    return react(call, _find_review_comment(call)[1].reactions)


PULL = "/repos/{owner}/{repo}/pulls/{pull_number}"
COMMENT = "/repos/{owner}/{repo}/pulls/comments/{comment_id}"
REACTIONS = "/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions"

ROUTES: tuple[Route, ...] = (
    route("GET", "/repos/{owner}/{repo}/pulls", list_pulls, READ),
    route("POST", "/repos/{owner}/{repo}/pulls", create_pull, WRITE, creates="pull"),
    route("GET", PULL, get_pull, READ),
    route("PATCH", PULL, update_pull, WRITE),
    route("GET", f"{PULL}/files", list_files, READ),
    route("GET", f"{PULL}/commits", list_commits, READ),
    route("GET", f"{PULL}/reviews", list_reviews, READ),
    route("POST", f"{PULL}/reviews", create_review, WRITE, creates="review"),
    route("GET", f"{PULL}/comments", list_review_comments, READ),
    route("POST", f"{PULL}/comments", create_review_comment, WRITE, creates="review_comment"),
    route("POST", f"{PULL}/comments/{{comment_id}}/replies", reply, WRITE, creates="review_comment"),
    route("GET", COMMENT, get_review_comment, READ),
    route("PATCH", COMMENT, update_review_comment, WRITE),
    route("GET", f"{PULL}/reviews/{{review_id}}/comments", list_comments_of_review, READ),
    route("POST", f"{PULL}/requested_reviewers", request_reviewers, WRITE, creates="review_request"),
    route("POST", REACTIONS, react_to_review_comment, WRITE, creates="reaction"),
)
