"""The git database: blobs, trees, commits and refs made through the API."""

from __future__ import annotations

import base64
import binascii
import re

from tests.double import shapes_git
from tests.double.auth import permit
from tests.double.clock import stamp
from tests.double.git import EMPTY_TREE, Author, GitError
from tests.double.shapes import sha_node_id
from tests.double.state import Json
from tests.double.web import Answer, Call, RefusedError, Route, not_found, route

READ, WRITE = "contents:read", "contents:write"
WORKFLOWS = ".github/workflows/"
_REF = re.compile(r"refs/(?:[^\x00-\x20~^:?*\[\\/.][^\x00-\x20~^:?*\[\\]*/)+[^\x00-\x20~^:?*\[\\/]+")


def create_blob(call: Call) -> Answer:
    content = str(call.json.get("content", ""))
    try:
        data = base64.b64decode(content) if call.json.get("encoding") == "base64" else content.encode()
    except binascii.Error:
        raise RefusedError(422, "content is not valid Base64") from None
    sha = call.repository.git.write_blob(data)
    return Answer(status=201, body={"sha": sha, "url": _url(call, "blobs", sha)})


def _url(call: Call, kind: str, sha: str) -> str:
    return f"{call.shapes.repository_api(call.repository)}/git/{kind}/{sha}"


def get_blob(call: Call) -> Answer:
    sha = call.params["file_sha"]
    if call.repository.git.kind(sha) != "blob":
        raise not_found()
    data = call.repository.git.blob(sha)
    body = {
        "sha": sha,
        "node_id": sha_node_id("B", call.repository, sha),
        "size": len(data),
        "url": _url(call, "blobs", sha),
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }
    return Answer(body=body)


def _tree(call: Call, sha: str, *, recursive: bool = False) -> Json:
    rows = call.repository.git.tree(sha, recursive=recursive)
    entries = [shapes_git.tree_entry(call.shapes, call.repository, each) for each in rows]
    return {"sha": sha, "url": _url(call, "trees", sha), "tree": entries, "truncated": False}


def create_tree(call: Call) -> Answer:
    git, base = call.repository.git, call.json.get("base_tree")
    if base is not None and git.kind(str(base)) not in {"tree", "commit"}:
        raise not_found()
    if any(str(each.get("path")).startswith(WORKFLOWS) for each in call.json["tree"]):
        permit(call.token, ("workflows:write",))
    rows = [_row(call, each) for each in call.json["tree"]]
    try:
        sha = git.write_tree(rows, None if base is None else f"{base}^{{tree}}")
    except GitError:
        raise RefusedError(422, "tree.path contains a malformed path component") from None
    return Answer(status=201, body=_tree(call, sha))


def _row(call: Call, row: Json) -> dict[str, str | None]:
    git, path = call.repository.git, row.get("path")
    if not path or ("sha" in row and "content" in row):
        raise RefusedError(422, "Must supply a valid tree.path and either tree.sha or tree.content")
    if "content" in row:
        return {
            "path": path,
            "mode": row.get("mode", "100644"),
            "sha": git.write_blob(str(row["content"]).encode()),
        }
    if row.get("sha") is None:
        return {"path": path, "mode": "100644", "sha": None}
    mode = row.get("mode", "100644")
    expected = {"040000": "tree", "160000": None}.get(mode, "blob")
    if expected is not None and git.kind(str(row["sha"])) != expected:
        raise RefusedError(422, f"tree.sha {row['sha']} is not a valid {expected}")
    return {"path": path, "mode": mode, "sha": str(row["sha"])}


def get_tree(call: Call) -> Answer:
    git, name = call.repository.git, call.params["tree_sha"]
    sha = name if git.kind(name) == "tree" else git.resolve(name)
    if sha is None:
        raise not_found()
    return Answer(body=_tree(call, sha, recursive=bool(call.request.query.get("recursive"))))


def create_commit(call: Call) -> Answer:
    """Without author, committer and signature the App itself is the author and GitHub signs: "Verified"."""
    git, body = call.repository.git, call.json
    tree, parents = str(body["tree"]), [str(each) for each in body.get("parents") or ()]
    if git.kind(tree) != "tree" and tree != EMPTY_TREE:
        raise RefusedError(422, "Tree SHA does not exist")
    for each in parents:
        if git.kind(each) != "commit":
            raise RefusedError(422, "Parent SHA does not exist or is not a commit object")
    author = _person(call, body.get("author"))
    committer = _person(call, body.get("committer") or body.get("author"))
    sha = git.write_commit(tree, parents, str(body["message"]), author, committer)
    verified = not {"author", "committer", "signature"} & body.keys()
    return Answer(
        status=201,
        body=shapes_git.git_commit(call.shapes, call.repository, git.commit(sha), verified=verified),
    )


def _person(call: Call, given: Json | None) -> Author:
    now, bot = stamp(call.world.clock.now()) or "", call.app.bot
    if given is None:
        return Author(name=bot.login, email=bot.email, date=now)
    return Author(name=str(given["name"]), email=str(given["email"]), date=str(given.get("date", now)))


def get_commit(call: Call) -> Answer:
    git, sha = call.repository.git, call.params["commit_sha"]
    if git.kind(sha) != "commit":
        raise not_found()
    return Answer(body=shapes_git.git_commit(call.shapes, call.repository, git.commit(sha)))


# -- refs ------------------------------------------------------------------------------------------------


def _ref(call: Call, name: str, sha: str) -> Json:
    return shapes_git.ref(call.shapes, call.repository, name, sha)


def get_ref(call: Call) -> Answer:
    name = f"refs/{call.params['ref']}"
    sha = call.repository.git.ref(name)
    if sha is None:
        raise not_found()
    return Answer(body=_ref(call, name, sha))


def matching_refs(call: Call) -> Answer:
    found = call.repository.git.refs(f"refs/{call.params['ref']}")
    return Answer(body=[_ref(call, name, sha) for name, sha in found.items()])


def create_ref(call: Call) -> Answer:
    git, name, sha = call.repository.git, str(call.json["ref"]), str(call.json["sha"])
    if not _REF.fullmatch(name) or ".." in name or "@{" in name or name.endswith((".lock", ".")):
        raise RefusedError(422, f"{name} is not a valid ref name.")
    _movable(call, name, sha)
    if git.ref(name) is not None:
        raise RefusedError(422, "Reference already exists")
    git.set_ref(name, sha, only_new=True)
    return Answer(status=201, body=_ref(call, name, sha))


def _movable(call: Call, name: str, sha: str) -> None:
    """The object is there, the branch is not protected, and workflow files move only with their own
    permission."""
    git, repository = call.repository.git, call.repository
    if git.kind(sha) != "commit":
        raise RefusedError(422, "Object does not exist")
    if name.removeprefix("refs/heads/") in repository.protected:
        raise RefusedError(422, "Changes must be made through a pull request.")
    if call.token.allows("workflows", "write"):
        return
    new = git.log(sha, "--not", "--all")
    touched = [path for each in new for path in _paths(call, each) if path.startswith(WORKFLOWS)]
    if touched:
        permit(call.token, ("workflows:write",))


def _paths(call: Call, sha: str) -> tuple[str, ...]:
    parents = call.repository.git.commit(sha).parents
    return call.repository.git.changed_paths(parents[0] if parents else EMPTY_TREE, sha)


def update_ref(call: Call) -> Answer:
    git, name, sha = call.repository.git, f"refs/{call.params['ref']}", str(call.json["sha"])
    old = git.ref(name)
    if old is None:
        raise RefusedError(422, "Reference does not exist")
    _movable(call, name, sha)
    if not call.json.get("force", False) and not git.is_ancestor(old, sha):
        raise RefusedError(422, "Update is not a fast forward")
    git.set_ref(name, sha)
    return Answer(body=_ref(call, name, sha))


def delete_ref(call: Call) -> Answer:
    git, name = call.repository.git, f"refs/{call.params['ref']}"
    if git.ref(name) is None:
        raise RefusedError(422, "Reference does not exist")
    if name.removeprefix("refs/heads/") in call.repository.protected:
        raise RefusedError(422, "Cannot delete this protected branch")
    git.delete_ref(name)
    return Answer(status=204)


GIT = "/repos/{owner}/{repo}/git"

ROUTES: tuple[Route, ...] = (
    route("POST", f"{GIT}/blobs", create_blob, WRITE, creates="blob"),
    route("GET", f"{GIT}/blobs/{{file_sha}}", get_blob, READ),
    route("POST", f"{GIT}/trees", create_tree, WRITE, creates="tree"),
    route("GET", f"{GIT}/trees/{{tree_sha}}", get_tree, READ),
    route("POST", f"{GIT}/commits", create_commit, WRITE, creates="commit"),
    route("GET", f"{GIT}/commits/{{commit_sha}}", get_commit, READ),
    route("GET", f"{GIT}/ref/{{ref}}", get_ref, READ),
    route("GET", f"{GIT}/matching-refs/{{ref}}", matching_refs, READ),
    route("POST", f"{GIT}/refs", create_ref, WRITE, creates="ref"),
    route("PATCH", f"{GIT}/refs/{{ref}}", update_ref, WRITE),
    route("DELETE", f"{GIT}/refs/{{ref}}", delete_ref, WRITE),
)
