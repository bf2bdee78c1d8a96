"""Real git against the double: clone, push, and the rights that a token gives."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.double.server import Credentials, GitHubDouble
from tests.github_double.conftest import FILES, REPO, Git


@pytest.fixture
def token(github: GitHubDouble, app: Credentials) -> str:
    return github.access_token(app.installation_id)


@pytest.fixture
def clone(github: GitHubDouble, git: Git, token: str, tmp_path: Path) -> Path:
    target = tmp_path / "clone"
    done = git("clone", "--quiet", github.git_url(REPO), str(target), token=token)
    assert done.returncode == 0, done.stderr
    return target


def commit(git: Git, clone: Path, path: str, content: str) -> None:
    target = clone / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, encoding="utf-8")
    assert git("add", "--all", cwd=clone).returncode == 0
    assert git("commit", "--quiet", "-m", f"Change {path}", cwd=clone).returncode == 0


def push(git: Git, clone: Path, token: str | None, *options: str) -> subprocess.CompletedProcess[str]:
    return git("push", "--porcelain", *options, "origin", "HEAD:refs/heads/fix", cwd=clone, token=token)


def test_a_clone_has_the_files_and_no_token(clone: Path, token: str) -> None:
    for path, content in FILES.items():
        assert (clone / path).read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert all(
        token.encode() not in each.read_bytes() for each in (clone / ".git").rglob("*") if each.is_file()
    )


def test_only_basic_authorization_as_git_sends_it(
    github: GitHubDouble, git: Git, token: str, http: httpx.Client, tmp_path: Path
) -> None:
    address = github.git_url(REPO).replace("//", f"//x-access-token:{token}@")
    assert git("ls-remote", address).returncode == 0
    refs = f"{github.git_url(REPO)}/info/refs?service=git-upload-pack"
    assert http.get(refs).status_code == 401
    assert http.get(refs, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    wrong_user = address.replace("x-access-token", "git")
    assert git("ls-remote", wrong_user, cwd=tmp_path).returncode != 0


@pytest.mark.parametrize("protocol", ["0", "1", "2"])
def test_shallow_clone_in_every_protocol(
    github: GitHubDouble, git: Git, token: str, tmp_path: Path, protocol: str
) -> None:
    github.commit(REPO, "main", {"a.py": "x = 2\n"})
    target = tmp_path / "shallow"
    settings = {"protocol.version": protocol}
    done = git(
        "clone", "--quiet", "--depth", "1", github.git_url(REPO), str(target), token=token, config=settings
    )
    assert done.returncode == 0, done.stderr
    assert git("rev-list", "--count", "HEAD", cwd=target).stdout.strip() == "1"


def test_a_push_arrives_and_may_be_forced(github: GitHubDouble, git: Git, token: str, clone: Path) -> None:
    commit(git, clone, "a.py", "x = 2\n")
    assert push(git, clone, token).returncode == 0
    tip = git("rev-parse", "HEAD", cwd=clone).stdout.strip()
    assert github.repository(REPO).git.tip("fix") == tip
    git("commit", "--quiet", "--amend", "-m", "Other words", cwd=clone)
    assert push(git, clone, token).returncode != 0
    assert push(git, clone, token, "--force").returncode == 0
    assert github.repository(REPO).git.tip("fix") != tip
    assert [each.status for each in github.requests_to("POST", "git-receive-pack")] == [200, 200]


def test_a_large_push_is_chunked(github: GitHubDouble, git: Git, token: str, clone: Path) -> None:
    (clone / "big.bin").write_bytes(os.urandom(3_000_000))
    commit(git, clone, "a.py", "x = 2\n")
    assert push(git, clone, token).returncode == 0
    entries = github.repository(REPO).git.tree("fix")
    assert next(each.size for each in entries if each.path == "big.bin") == 3_000_000


def test_a_gzipped_request_is_understood(github: GitHubDouble, app: Credentials, http: httpx.Client) -> None:
    """git compresses a fetch that has much to say; this says it by hand, in protocol 2."""
    auth = ("x-access-token", github.access_token(app.installation_id))
    body = gzip.compress(b"0014command=ls-refs\n0000")
    headers = {
        "Content-Type": "application/x-git-upload-pack-request",
        "Content-Encoding": "gzip",
        "Git-Protocol": "version=2",
    }
    answer = http.post(f"{github.git_url(REPO)}/git-upload-pack", content=body, headers=headers, auth=auth)
    assert (answer.status_code, b"refs/heads/main" in answer.content) == (200, True)


@pytest.mark.parametrize(
    ("permissions", "reads", "writes", "message"),
    [
        ({"contents": "write"}, True, True, ""),
        ({"contents": "read"}, True, False, "403"),
        ({"issues": "write"}, False, False, "403"),
    ],
)
def test_rights(
    github: GitHubDouble,
    app: Credentials,
    git: Git,
    clone: Path,
    permissions: dict[str, str],
    reads: bool,
    writes: bool,
    message: str,
) -> None:
    token = github.access_token(app.installation_id, permissions=permissions)
    assert (git("fetch", cwd=clone, token=token).returncode == 0) is reads
    commit(git, clone, "a.py", "x = 2\n")
    pushed = push(git, clone, token)
    assert (pushed.returncode == 0) is writes
    assert message in pushed.stderr


def test_who_may_not_see_it(github: GitHubDouble, app: Credentials, git: Git, token: str) -> None:
    github.create_repository("octo/other", files={"a": "1"})
    own, other = github.git_url(REPO), github.git_url("octo/other")
    assert "could not read Username" in git("ls-remote", own).stderr
    assert "could not read Username" in git("ls-remote", own, token="ghs_1_no.such.token").stderr
    with_bad_token = own.replace("//", "//x-access-token:ghs_1_no.such.token@")
    assert "Authentication failed" in git("ls-remote", with_bad_token).stderr
    assert "not found" in git("ls-remote", other, token=token).stderr
    github.clock.advance(4000)
    assert git("ls-remote", own, token=token).returncode != 0
    assert git("ls-remote", own, token=github.access_token(app.installation_id)).returncode == 0


def test_workflow_files_are_refused(
    github: GitHubDouble, app: Credentials, git: Git, token: str, clone: Path
) -> None:
    commit(git, clone, ".github/workflows/ci.yml", "on: push\n")
    refused = push(git, clone, token)
    assert refused.returncode != 0
    assert (
        "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` "
        "without `workflows` permission" in refused.stderr
    )
    assert github.repository(REPO).git.tip("fix") is None
    able = github.access_token(app.installation_id, permissions={"contents": "write", "workflows": "write"})
    assert push(git, clone, able).returncode == 0


def test_a_protected_branch_is_refused(github: GitHubDouble, git: Git, token: str, clone: Path) -> None:
    github.protect(REPO, "fix")
    commit(git, clone, "a.py", "x = 2\n")
    refused = push(git, clone, token)
    assert (refused.returncode != 0, "GH006: Protected branch update failed" in refused.stderr) == (
        True,
        True,
    )


@pytest.mark.parametrize(
    "path",
    [
        "octo/demo.git/HEAD",
        "octo/demo.git/config",
        "octo/demo.git/objects/info/packs",
        "octo/..%2F..%2Fhooks/info/refs",
        "octo/demo.git/../../../etc/passwd",
    ],
)
def test_nothing_but_the_smart_protocol(
    github: GitHubDouble, http: httpx.Client, token: str, path: str
) -> None:
    request = http.build_request("GET", github.site)
    request.url = request.url.copy_with(raw_path=f"/{path}".encode())
    assert http.send(request, auth=("x-access-token", token)).status_code == 404


def test_an_empty_repository_is_cloned(
    github: GitHubDouble, app: Credentials, git: Git, tmp_path: Path
) -> None:
    github.create_repository("octo/empty", default_branch="trunk")
    token = github.access_token(github.install(app.app_id, "octo", ["octo/empty"]))
    done = git("clone", github.git_url("octo/empty"), str(tmp_path / "e"), token=token)
    assert (done.returncode, "empty repository" in done.stderr) == (0, True)


def test_repositories_made_from_a_directory_and_from_history(
    github: GitHubDouble, git: Git, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("1", encoding="utf-8")
    from_files = github.create_repository("octo/files", directory=source)
    git("init", "--quiet", "-b", "trunk", cwd=source)
    commit(git, source, "b.txt", "2")
    from_git = github.create_repository("octo/history", source=source, default_branch="trunk")
    assert [each.path for each in from_files.git.tree("main")] == ["a.txt"]
    assert [each.path for each in from_git.git.tree("trunk")] == ["a.txt", "b.txt"]
    assert from_git.git.tip("trunk") == git("rev-parse", "HEAD", cwd=source).stdout.strip()


def test_seeded_repositories_are_the_same_every_time(github: GitHubDouble) -> None:
    """Journals of runs over fixtures name shas."""
    one = github.create_repository("octo/one", files=FILES)
    two = github.create_repository("Octo/Two", files=FILES)
    assert one.git.tip("main") == two.git.tip("main")
