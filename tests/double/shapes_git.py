"""The JSON of what git holds: refs, commits, trees, files, branches."""

from __future__ import annotations

import base64

from tests.double.git import Author, Commit, Entry, FileChange
from tests.double.shapes import Shapes, sha_node_id
from tests.double.state import Json, Repository

INLINE_CONTENT = 1024 * 1024  # GitHub sends the content of larger files only raw


def ref(shapes: Shapes, repository: Repository, name: str, sha: str) -> Json:
    api = shapes.repository_api(repository)
    kind = repository.git.kind(sha) or "commit"
    return {
        "ref": name,
        "node_id": sha_node_id("REF", repository, name),
        "url": f"{api}/git/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{api}/git/{kind}s/{sha}"},
    }


def person(author: Author) -> Json:
    return {"name": author.name, "email": author.email, "date": author.date}


def verification(*, verified: bool) -> Json:
    reason = "valid" if verified else "unsigned"
    return {"verified": verified, "reason": reason, "signature": None, "payload": None, "verified_at": None}


def git_commit(shapes: Shapes, repository: Repository, commit: Commit, *, verified: bool = False) -> Json:
    api, page = shapes.repository_api(repository), shapes.page(repository)
    return {
        "sha": commit.sha,
        "node_id": sha_node_id("C", repository, commit.sha),
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "author": person(commit.author),
        "committer": person(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [
            {"sha": sha, "url": f"{api}/git/commits/{sha}", "html_url": f"{page}/commit/{sha}"}
            for sha in commit.parents
        ],
        "verification": verification(verified=verified),
    }


def commit(shapes: Shapes, repository: Repository, sha: str) -> Json:
    """A commit as GET commits/{ref} and the branches show it."""
    found = repository.git.commit(sha)
    api, page = shapes.repository_api(repository), shapes.page(repository)
    url = f"{api}/commits/{sha}"
    return {
        "sha": sha,
        "node_id": sha_node_id("C", repository, sha),
        "commit": {
            "author": person(found.author),
            "committer": person(found.committer),
            "message": found.message,
            "tree": {"sha": found.tree, "url": f"{api}/git/trees/{found.tree}"},
            "url": f"{api}/git/commits/{sha}",
            "comment_count": 0,
            "verification": verification(verified=False),
        },
        "url": url,
        "html_url": f"{page}/commit/{sha}",
        "comments_url": f"{url}/comments",
        "author": None,
        "committer": None,
        "parents": [
            {"sha": each, "url": f"{api}/commits/{each}", "html_url": f"{page}/commit/{each}"}
            for each in found.parents
        ],
    }


def branch(shapes: Shapes, repository: Repository, name: str, sha: str) -> Json:
    api = shapes.repository_api(repository)
    protected = name in repository.protected
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    return {
        "name": name,
        "commit": commit(shapes, repository, sha),
        "_links": {"self": f"{api}/branches/{name}", "html": f"{shapes.page(repository)}/tree/{name}"},
        "protected": protected,
        "protection": {"enabled": protected, "required_status_checks": checks},
        "protection_url": f"{api}/branches/{name}/protection",
    }


def tree_entry(shapes: Shapes, repository: Repository, entry: Entry) -> Json:
    shape: Json = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
    if entry.kind != "commit":
        shape["url"] = f"{shapes.repository_api(repository)}/git/{entry.kind}s/{entry.sha}"
    if entry.size is not None:
        shape["size"] = entry.size
    return shape


def entry(shapes: Shapes, repository: Repository, row: Entry, ref_name: str) -> Json:
    """One row of a directory in GET contents, and the frame of a file."""
    api, page = shapes.repository_api(repository), shapes.page(repository)
    kinds = {"120000": "symlink", "160000": "submodule", "040000": "dir"}
    url = f"{api}/contents/{row.path}?ref={ref_name}"
    html = f"{page}/{'tree' if row.kind == 'tree' else 'blob'}/{ref_name}/{row.path}"
    git = f"{api}/git/{'trees' if row.kind == 'tree' else 'blobs'}/{row.sha}"
    return {
        "name": row.path.rsplit("/", 1)[-1],
        "path": row.path,
        "sha": row.sha,
        "size": row.size or 0,
        "url": url,
        "html_url": html,
        "git_url": git,
        "download_url": f"{page}/raw/{ref_name}/{row.path}" if row.kind == "blob" else None,
        "type": kinds.get(row.mode, "file"),
        "_links": {"self": url, "git": git, "html": html},
    }


def file(shapes: Shapes, repository: Repository, row: Entry, ref_name: str, content: bytes) -> Json:
    shape = entry(shapes, repository, row, ref_name)
    if row.mode == "120000":
        return {**shape, "target": content.decode(errors="replace")}
    if len(content) > INLINE_CONTENT:
        return {**shape, "content": "", "encoding": "none"}
    return {**shape, "content": base64.encodebytes(content).decode(), "encoding": "base64"}


def change(shapes: Shapes, repository: Repository, made: FileChange, head: str) -> Json:
    api, page = shapes.repository_api(repository), shapes.page(repository)
    shape: Json = {
        "sha": made.sha,
        "filename": made.path,
        "status": made.status,
        "additions": made.additions,
        "deletions": made.deletions,
        "changes": made.additions + made.deletions,
        "blob_url": f"{page}/blob/{head}/{made.path}",
        "raw_url": f"{page}/raw/{head}/{made.path}",
        "contents_url": f"{api}/contents/{made.path}?ref={head}",
    }
    if made.patch is not None:
        shape["patch"] = made.patch
    return shape
