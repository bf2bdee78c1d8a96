"""Issues, their comments, labels and reactions."""

from __future__ import annotations

from collections.abc import Sequence

from tests.double.clock import stamp
from tests.double.shapes import REACTIONS
from tests.double.state import Comment, Issue, Json, Label, Reaction, Repository, User, World
from tests.double.web import Answer, Call, RefusedError, Route, invalid, not_found, route

LONGEST_BODY = 65_536
LONGEST_TITLE = 256
LONGEST_LABEL = 50

READ = ("issues:read", "pull_requests:read")
WRITE = ("issues:write", "pull_requests:write")


def actor(call: Call) -> User:
    """Who an installation token acts as: the App's bot user."""
    return call.app.bot


def find_issue(call: Call) -> Issue:
    found = call.repository.issues.get(call.number("issue_number"))
    if found is None:
        raise not_found()
    return found


def checked_body(resource: str, body: object, *, required: bool) -> str:
    text = body if isinstance(body, str) else ""
    if required and not text.strip():
        raise invalid(resource, "body", "missing_field", "body can't be blank")
    if len(text) > LONGEST_BODY:
        raise invalid(resource, "body", "custom", f"body is too long (maximum is {LONGEST_BODY} characters)")
    return text


def checked_title(resource: str, title: object) -> str:
    text = str(title) if title is not None else ""
    if not text.strip():
        raise invalid(resource, "title", "missing_field")
    if len(text) > LONGEST_TITLE:
        raise invalid(
            resource, "title", "custom", f"title is too long (maximum is {LONGEST_TITLE} characters)"
        )
    return text


# -- issues ----------------------------------------------------------------------------------------------


def get_issue(call: Call) -> Answer:
    return Answer(body=call.shapes.issue(call.repository, find_issue(call)))


def list_issues(call: Call) -> Answer:
    """By default the newest first; pull requests are among them, as on GitHub."""
    query = call.request.query
    state, labels = query.get("state", "open"), [each for each in query.get("labels", "").split(",") if each]
    rows = [
        each
        for each in sorted(
            call.repository.issues.values(),
            key=lambda one: one.number,
            reverse=query.get("direction", "desc") == "desc",
        )
        if state in {"all", each.state} and all(label in each.label_names for label in labels)
    ]
    return call.page([call.shapes.issue(call.repository, each) for each in rows])


def list_events(call: Call) -> Answer:
    """Oldest first; of all that can happen only the setting of labels."""
    issue = find_issue(call)
    rows = [
        {
            "id": number,
            "event": "labeled",
            "actor": call.shapes.user(user),
            "created_at": stamp(at),
            "commit_id": None,
            "label": {"name": label.name, "color": label.color},
        }
        for number, (label, user, at) in enumerate(issue.labelled, start=1)
    ]
    return call.page(rows)


def create_issue(call: Call) -> Answer:
    title = checked_title("Issue", call.json.get("title"))
    body = checked_body("Issue", call.json.get("body"), required=False)
    issue = new_issue(call.world, call.repository, title=title, body=body, author=actor(call))
    issue.app = call.app
    issue.labels = wanted_labels(call, call.json.get("labels") or ())
    return Answer(status=201, body=call.shapes.issue(call.repository, issue))


def new_issue(world: World, repository: Repository, *, title: str, body: str | None, author: User) -> Issue:
    now, number = world.clock.now(), max(repository.issues, default=0) + 1
    issue = Issue(id=world.id(), number=number, title=title, body=body, user=author, created=now, updated=now)
    repository.issues[number] = issue
    return issue


def update_issue(call: Call) -> Answer:
    issue, body = find_issue(call), call.json
    if "title" in body:
        issue.title = checked_title("Issue", body["title"])
    if "body" in body:
        issue.body = checked_body("Issue", body["body"], required=False)
    if "labels" in body:
        issue.labels = wanted_labels(call, body["labels"])
    if "assignees" in body:
        issue.assignees = [call.world.user(str(each)) for each in body["assignees"]]
    if "state" in body:
        set_state(call.world, issue, body["state"], actor(call), body.get("state_reason"))
    issue.updated = call.world.clock.now()
    return Answer(body=call.shapes.issue(call.repository, issue))


def set_state(world: World, issue: Issue, state: str, by: User, reason: str | None = None) -> None:
    if issue.state == state:
        return
    issue.state = state
    issue.closed = world.clock.now() if state == "closed" else None
    issue.closed_by = by if state == "closed" else None
    issue.state_reason = reason or ("completed" if state == "closed" else "reopened")


# -- labels ----------------------------------------------------------------------------------------------


def repository_label(world: World, repository: Repository, name: str, color: str = "ededed") -> Label:
    """The label of this name, made when it is new: adding an unknown label to an issue creates it, as on
    GitHub."""
    if not name.strip() or len(name) > LONGEST_LABEL:
        raise invalid("Label", "name", "invalid", f"name is too long (maximum is {LONGEST_LABEL} characters)")
    key = name.lower()
    if key not in repository.labels:
        repository.labels[key] = Label(id=world.id(), name=name, color=color)
        world.creates["label"] += 1
    return repository.labels[key]


def wanted_labels(call: Call, names: Sequence[object]) -> list[Label]:
    plain = [str(each["name"]) if isinstance(each, dict) else str(each) for each in names]
    labels = [repository_label(call.world, call.repository, name) for name in plain]
    return list(dict.fromkeys(labels))


def _issue_labels(call: Call, issue: Issue) -> Answer:
    return call.page([call.shapes.label(call.repository, each) for each in issue.labels])


def list_issue_labels(call: Call) -> Answer:
    return _issue_labels(call, find_issue(call))


def _named(call: Call) -> Sequence[object]:
    body = call.request.json
    names = body.get("labels", []) if isinstance(body, dict) else body
    return names if isinstance(names, list) else []


def add_labels(call: Call) -> Answer:
    issue = find_issue(call)
    issue.labels = list(dict.fromkeys([*issue.labels, *wanted_labels(call, _named(call))]))
    return _issue_labels(call, issue)


def set_labels(call: Call) -> Answer:
    issue = find_issue(call)
    issue.labels = wanted_labels(call, _named(call))
    return _issue_labels(call, issue)


def remove_label(call: Call) -> Answer:
    issue, name = find_issue(call), call.params["name"].lower()
    if name not in {each.name.lower() for each in issue.labels}:
        raise not_found("Label does not exist")
    issue.labels = [each for each in issue.labels if each.name.lower() != name]
    return _issue_labels(call, issue)


def list_labels(call: Call) -> Answer:
    return call.page([call.shapes.label(call.repository, each) for each in call.repository.labels.values()])


def get_label(call: Call) -> Answer:
    found = call.repository.labels.get(call.params["name"].lower())
    if found is None:
        raise not_found()
    return Answer(body=call.shapes.label(call.repository, found))


def create_label(call: Call) -> Answer:
    name = str(call.json["name"])
    if name.lower() in call.repository.labels:
        raise invalid("Label", "name", "already_exists")
    label = repository_label(call.world, call.repository, name, call.json.get("color", "ededed"))
    label.description = call.json.get("description")
    return Answer(status=201, body=call.shapes.label(call.repository, label))


# -- comments --------------------------------------------------------------------------------------------


def find_comment(call: Call) -> tuple[Issue, Comment]:
    number = call.number("comment_id")
    for issue in call.repository.issues.values():
        for comment in issue.comments:
            if comment.id == number:
                return issue, comment
    raise not_found()


def list_comments(call: Call) -> Answer:
    issue, since = find_issue(call), call.request.query.get("since", "")
    rows = [each for each in issue.comments if (stamp(each.updated) or "") >= since]
    return call.page([call.shapes.comment(call.repository, issue, each) for each in rows])


def new_comment(world: World, issue: Issue, body: str, author: User) -> Comment:
    now = world.clock.now()
    comment = Comment(id=world.id(), user=author, body=body, created=now, updated=now)
    issue.comments.append(comment)
    issue.updated = now
    return comment


def create_comment(call: Call) -> Answer:
    issue = find_issue(call)
    if issue.locked:
        raise RefusedError(403, "Unable to create comment because issue is locked.")
    body = checked_body("IssueComment", call.json.get("body"), required=True)
    comment = new_comment(call.world, issue, body, actor(call))
    comment.app = call.app
    return Answer(status=201, body=call.shapes.comment(call.repository, issue, comment))


def get_comment(call: Call) -> Answer:
    return Answer(body=call.shapes.comment(call.repository, *find_comment(call)))


def update_comment(call: Call) -> Answer:
    issue, comment = find_comment(call)
    comment.body = checked_body("IssueComment", call.json.get("body"), required=True)
    comment.updated = call.world.clock.now()
    return Answer(body=call.shapes.comment(call.repository, issue, comment))


def delete_comment(call: Call) -> Answer:
    issue, comment = find_comment(call)
    issue.comments.remove(comment)
    return Answer(status=204)


# -- reactions -------------------------------------------------------------------------------------------


def react(call: Call, reactions: list[Reaction]) -> Answer:
    """201 for a new reaction; 200 with the old one when this user reacted so before."""
    content, user = call.json.get("content"), actor(call)
    if content not in REACTIONS:
        raise invalid("Reaction", "content", "invalid")
    for each in reactions:
        if each.user is user and each.content == content:
            return Answer(body=call.shapes.reaction(each))
    made = Reaction(id=call.world.id(), user=user, content=str(content), created=call.world.clock.now())
    reactions.append(made)
    return Answer(status=201, body=call.shapes.reaction(made))


def react_to_issue(call: Call) -> Answer:
    return react(call, find_issue(call).reactions)


def react_to_comment(call: Call) -> Answer:
    return react(call, find_comment(call)[1].reactions)


def _reactions(call: Call, reactions: list[Reaction]) -> Answer:
    wanted = call.request.query.get("content")
    rows: list[Json] = [call.shapes.reaction(each) for each in reactions if wanted in {None, each.content}]
    return call.page(rows)


def list_issue_reactions(call: Call) -> Answer:
    return _reactions(call, find_issue(call).reactions)


def list_comment_reactions(call: Call) -> Answer:
    return _reactions(call, find_comment(call)[1].reactions)


def _remove_reaction(call: Call, reactions: list[Reaction]) -> Answer:
    number = call.number("reaction_id")
    found = next((each for each in reactions if each.id == number), None)
    if found is None:
        raise not_found()
    reactions.remove(found)
    return Answer(status=204)


def delete_issue_reaction(call: Call) -> Answer:
    return _remove_reaction(call, find_issue(call).reactions)


def delete_comment_reaction(call: Call) -> Answer:
    return _remove_reaction(call, find_comment(call)[1].reactions)


ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"

ROUTES: tuple[Route, ...] = (
    route("GET", "/repos/{owner}/{repo}/issues", list_issues, *READ),
    route("POST", "/repos/{owner}/{repo}/issues", create_issue, "issues:write", creates="issue"),
    route("GET", ISSUE, get_issue, *READ),
    route("PATCH", ISSUE, update_issue, *WRITE),
    route("GET", f"{ISSUE}/events", list_events, *READ),
    route("GET", f"{ISSUE}/labels", list_issue_labels, *READ),
    route("POST", f"{ISSUE}/labels", add_labels, *WRITE),
    route("PUT", f"{ISSUE}/labels", set_labels, *WRITE),
    route("DELETE", f"{ISSUE}/labels/{{name}}", remove_label, *WRITE),
    route("GET", "/repos/{owner}/{repo}/labels", list_labels, *READ),
    route("POST", "/repos/{owner}/{repo}/labels", create_label, *WRITE),
    route("GET", "/repos/{owner}/{repo}/labels/{name}", get_label, *READ),
    route("GET", f"{ISSUE}/comments", list_comments, *READ),
    route("POST", f"{ISSUE}/comments", create_comment, *WRITE, creates="comment"),
    route("GET", COMMENT, get_comment, *READ),
    route("PATCH", COMMENT, update_comment, *WRITE),
    route("DELETE", COMMENT, delete_comment, *WRITE),
    route("GET", f"{ISSUE}/reactions", list_issue_reactions, *READ),
    route("POST", f"{ISSUE}/reactions", react_to_issue, *WRITE, creates="reaction"),
    route("DELETE", f"{ISSUE}/reactions/{{reaction_id}}", delete_issue_reaction, *WRITE),
    route("GET", f"{COMMENT}/reactions", list_comment_reactions, *READ),
    route("POST", f"{COMMENT}/reactions", react_to_comment, *WRITE, creates="reaction"),
    route("DELETE", f"{COMMENT}/reactions/{{reaction_id}}", delete_comment_reaction, *WRITE),
)
