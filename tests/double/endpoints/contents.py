"""Repositories, who may do what in them, and what is in them: branches, commits, files."""

from __future__ import annotations

from tests.double import shapes_git
from tests.double.state import Json
from tests.double.web import Answer, Call, RefusedError, Route, not_found, route

READ = "contents:read"
# The five roles of GitHub on the four words that ``permission`` has.
PERMISSION = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read"}


def get_repository(call: Call) -> Answer:
    return Answer(body=call.shapes.full_repository(call.repository))


def get_permission(call: Call) -> Answer:
    """``permission`` cannot tell maintain from write nor triage from read; ``role_name`` can."""
    user = call.world.users.get(call.params["username"].lower())
    if user is None:
        raise not_found(f"{call.params['username']} is not a user")
    repository = call.repository
    default = (
        "admin"
        if user is repository.owner
        else "none"
        if repository.private or user.kind == "Bot"
        else "read"
    )
    role = repository.roles.get(user.login.lower(), default)
    permission = PERMISSION.get(role, "none")
    order = ("pull", "triage", "push", "maintain", "admin")
    rank = {"read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}.get(role, 0)
    flags = {name: index < rank for index, name in enumerate(order)}
    shape = {**call.shapes.user(user), "permissions": flags, "role_name": role}
    return Answer(body={"permission": permission, "role_name": role, "user": shape})


def _full_branch(call: Call, name: str, sha: str) -> Json:
    return shapes_git.branch(call.shapes, call.repository, name, sha)


def get_branch(call: Call) -> Answer:
    sha = call.repository.git.tip(call.params["branch"])
    if sha is None:
        raise not_found("Branch not found")
    return Answer(body=_full_branch(call, call.params["branch"], sha))


def list_branches(call: Call) -> Answer:
    rows = []
    for name, sha in call.repository.git.refs("refs/heads/").items():
        full = _full_branch(call, name.removeprefix("refs/heads/"), sha)
        commit = {"sha": sha, "url": full["commit"]["url"]}
        rows.append({"name": full["name"], "commit": commit, "protected": full["protected"]})
    return call.page(rows)


def resolved(call: Call, ref: str) -> str:
    sha = call.repository.git.resolve(ref)
    if sha is None:
        raise RefusedError(422, f"No commit found for SHA: {ref}")
    return sha


def get_commit(call: Call) -> Answer:
    sha = resolved(call, call.params["ref"])
    if "sha" in call.request.headers.get("accept", ""):
        return Answer(
            body=sha.encode(), headers={"Content-Type": "application/vnd.github.sha; charset=utf-8"}
        )
    return Answer(body=shapes_git.commit(call.shapes, call.repository, sha))


def list_commits(call: Call) -> Answer:
    git = call.repository.git
    if not git.refs("refs/heads/"):
        raise RefusedError(409, "Git Repository is empty.")
    start = git.resolve(call.request.query.get("sha", call.repository.default_branch))
    if start is None:
        raise not_found()
    return call.page([shapes_git.commit(call.shapes, call.repository, sha) for sha in git.log(start)])


def compare(call: Call) -> Answer:
    git, shapes, repository = call.repository.git, call.shapes, call.repository
    base_name, _, head_name = call.params["basehead"].partition("...")
    base, head = git.resolve(base_name), git.resolve(head_name)
    common = None if base is None or head is None else git.merge_base(base, head)
    if base is None or head is None or common is None:
        raise not_found()
    ahead, behind = git.count(base, head), git.count(head, base)
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}.get(
        (ahead > 0, behind > 0), "identical"
    )
    page = f"{shapes.page(repository)}/compare/{base_name}...{head_name}"
    shas = git.log("--reverse", f"{base}..{head}")
    body = {
        "url": f"{shapes.repository_api(repository)}/compare/{base_name}...{head_name}",
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": shapes_git.commit(shapes, repository, base),
        "merge_base_commit": shapes_git.commit(shapes, repository, common),
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [shapes_git.commit(shapes, repository, sha) for sha in shas],
        "files": [shapes_git.change(shapes, repository, each, head) for each in git.changes(common, head)],
    }
    return Answer(body=body)


def get_contents(call: Call) -> Answer:
    """A file as an object (raw with GitHub's media type), a directory as a list."""
    git, path = call.repository.git, call.params.get("path", "").strip("/")
    if not git.refs("refs/heads/"):
        raise not_found("This repository is empty.")
    ref = call.request.query.get("ref", call.repository.default_branch)
    sha = git.resolve(ref)
    if sha is None:
        raise not_found(f"No commit found for the ref {ref}")
    if path and not all(part.strip(".") and part.isprintable() for part in path.split("/")):
        raise not_found()  # "..", "a//b": nothing in a tree is called so
    rows = git.tree(sha, path=path or None)
    if not path:
        return Answer(body=[shapes_git.entry(call.shapes, call.repository, each, ref) for each in rows])
    if not rows or rows[0].path != path:
        raise not_found()
    row = rows[0]
    if row.kind == "tree":
        below = git.tree(sha, path=f"{path}/")
        return Answer(body=[shapes_git.entry(call.shapes, call.repository, each, ref) for each in below])
    content = git.blob(row.sha) if row.kind == "blob" else b""
    if "raw" in call.request.headers.get("accept", ""):
        return Answer(body=content, headers={"Content-Type": "application/vnd.github.raw; charset=utf-8"})
    return Answer(body=shapes_git.file(call.shapes, call.repository, row, ref, content))


ROUTES: tuple[Route, ...] = (
    route("GET", "/repos/{owner}/{repo}", get_repository, "metadata:read"),
    route(
        "GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", get_permission, "metadata:read"
    ),
    route("GET", "/repos/{owner}/{repo}/branches", list_branches, READ),
    route("GET", "/repos/{owner}/{repo}/branches/{branch}", get_branch, READ),
    route("GET", "/repos/{owner}/{repo}/commits", list_commits, READ),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}", get_commit, READ),
    route("GET", "/repos/{owner}/{repo}/compare/{basehead}", compare, READ),
    route("GET", "/repos/{owner}/{repo}/contents/{path}", get_contents, READ),
)
