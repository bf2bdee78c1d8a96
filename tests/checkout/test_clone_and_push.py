"""Clone, export, commit and push over real smart HTTP."""

from __future__ import annotations

import dataclasses
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.checkout import Change, Checkout, Checkouts, Person
from bot.errors import CheckoutError
from bot.forge import GitAccess
from bot.sealed_git import GitCall, SealedGit, basic
from tests.double.faults import ResetAfter, ResetBefore, Slow, Status, StatusAfter
from tests.double.git import Author
from tests.double.server import GitHubDouble

DEMO = "octo/demo"
FILES = {"a.py": "x = 1\n", "tests/test_a.py": "import a\n", "bin/run": "#!/bin/sh\n", "gone.txt": "old\n"}
BOT = Person(name="codeagent[bot]", email="1+codeagent[bot]@users.noreply.github.com")
CHANGE = Change(
    files={"a.py": b"x = 2\n", "gone.txt": None, "new/deep/file.py": b"\xff\x00bytes"},
    message="Fix x\n\nFixes #1",
    author=BOT,
    committer=BOT,
    date=1_790_000_000,
)
BRANCH = "codeagent/issue-1-abcd"

Access = Callable[..., GitAccess]


@pytest.fixture
def base(github: GitHubDouble) -> str:
    github.create_repository(DEMO, files=FILES)
    git, alice = github.repository(DEMO).git, Author(name="alice", email="alice@example.org")
    script = {"bin/run": "#!/bin/sh\nexit 0\n"}
    return git.commit_files("main", script, "executable", alice, executable=("bin/run",))


def test_exactly_the_commit_is_exported(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    github.commit(DEMO, "main", {"a.py": "later\n"})
    checkout = checkouts.clone(access(DEMO), base, tmp_path / "git")
    export = checkouts.export(checkout, tmp_path / "tree")
    names = {
        path.relative_to(tmp_path / "tree").as_posix()
        for path in (tmp_path / "tree").rglob("*")
        if path.is_file()
    }
    assert names == set(FILES)
    assert (tmp_path / "tree/a.py").read_text() == "x = 1\n"
    assert (tmp_path / "tree/bin/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "tree/a.py").stat().st_mode & 0o777 == 0o644
    assert (export.files, export.remarks) == (4, ())
    count = checkouts.git.run(GitCall(arguments=("rev-list", "--all", "--count"), git_dir=checkout.git_dir))
    assert count == b"1\n", "no history was fetched"


def test_push_makes_the_commit_and_is_repeatable(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    reach = access(DEMO)
    sha = checkouts.commit_and_push(checkouts.clone(reach, base, tmp_path / "1"), reach, CHANGE, BRANCH, None)
    again = checkouts.commit_and_push(
        checkouts.clone(reach, base, tmp_path / "2"), reach, CHANGE, BRANCH, None
    )
    git = github.repository(DEMO).git
    assert sha == again == git.tip(BRANCH)
    commit = git.commit(sha)
    assert (commit.author.name, commit.committer.email, commit.parents) == (BOT.name, BOT.email, (base,))
    assert commit.message == "Fix x\n\nFixes #1"
    entries = {entry.path: entry for entry in git.tree(sha, recursive=True) if entry.kind == "blob"}
    assert set(entries) == {"a.py", "bin/run", "new/deep/file.py", "tests/test_a.py"}
    assert entries["bin/run"].mode == "100755"
    assert git.blob(entries["new/deep/file.py"].sha) == b"\xff\x00bytes"
    assert len(github.requests_to("POST", "git-receive-pack")) == 1


def test_the_diff_is_one_that_git_applies(
    base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    checkout = checkouts.clone(access(DEMO), base, tmp_path / "git")
    patch = checkouts.diff(checkout, checkouts.commit(checkout, CHANGE))
    assert b"-x = 1\n+x = 2\n" in patch
    checkouts.export(checkout, tmp_path / "tree")
    checkouts.git.run(
        GitCall(arguments=("apply", "--unsafe-paths", f"--directory={tmp_path / 'tree'}", "-"), stdin=patch)
    )
    assert (tmp_path / "tree/new/deep/file.py").read_bytes() == b"\xff\x00bytes"


@pytest.mark.parametrize("fault", [ResetBefore(), Status(502), StatusAfter(502), ResetAfter()])
def test_a_lost_push_ends_with_one_commit_on_the_branch(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path, fault: object
) -> None:
    reach = access(DEMO)
    checkout = checkouts.clone(reach, base, tmp_path / "git")
    github.faults.add("POST", r"git-receive-pack", fault)  # type: ignore[arg-type]
    sha = checkouts.commit_and_push(checkout, reach, CHANGE, BRANCH, None)
    assert github.repository(DEMO).git.log(BRANCH) == [sha, *github.repository(DEMO).git.log(base)]


def test_a_clone_survives_a_short_outage(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    github.faults.add("GET", r"info/refs", Status(503), times=2)
    assert checkouts.clone(access(DEMO), base, tmp_path / "git").commit == base


def test_somebody_elses_commits_are_never_overwritten(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    reach = access(DEMO)
    checkout = checkouts.clone(reach, base, tmp_path / "git")
    sha = checkouts.commit_and_push(checkout, reach, CHANGE, BRANCH, None)
    theirs = github.commit(DEMO, BRANCH, {"a.py": "x = 3\n"})
    second = dataclasses.replace(CHANGE, files={"a.py": b"x = 4\n"})
    with pytest.raises(
        CheckoutError, match=f"changed by somebody else: it is at {theirs}, expected was {sha}"
    ):
        checkouts.commit_and_push(checkout, reach, second, BRANCH, sha)
    assert github.repository(DEMO).git.tip(BRANCH) == theirs
    with pytest.raises(CheckoutError, match="expected was no such branch"):
        checkouts.commit_and_push(checkout, reach, second, BRANCH, None)


def test_a_change_between_the_look_and_the_push_is_refused_by_the_lease(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    reach = access(DEMO)
    checkout = checkouts.clone(reach, base, tmp_path / "git")
    sha = checkouts.commit(checkout, CHANGE)
    first = checkouts.commit_and_push(
        checkout, reach, dataclasses.replace(CHANGE, message="one"), BRANCH, None
    )

    class Racing(Checkouts):
        def remote_branch(self, *_: object) -> str | None:
            return first  # what it was, a moment ago

    theirs = github.commit(DEMO, BRANCH, {"a.py": "x = 3\n"})
    with pytest.raises(CheckoutError, match="stale info"):
        Racing(sleep=lambda _: None).push(checkout, reach, sha, BRANCH, first)
    assert github.repository(DEMO).git.tip(BRANCH) == theirs


def test_an_expected_branch_is_moved(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    reach = access(DEMO)
    checkout = checkouts.clone(reach, base, tmp_path / "git")
    first = checkouts.commit_and_push(checkout, reach, CHANGE, BRANCH, None)
    second = checkouts.commit_and_push(
        checkout, reach, dataclasses.replace(CHANGE, files={"a.py": b"x = 4\n"}), BRANCH, first
    )
    assert github.repository(DEMO).git.tip(BRANCH) == second != first


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "files", "protect", "said"),
    [
        ({"contents": "read"}, {"a.py": b"1"}, False, "read and write access to its contents"),
        ({}, {".github/workflows/ci.yml": b"on: push"}, False, "never changes workflow files"),
        ({}, {"a.py": b"1"}, True, "rule of the repository forbids it"),
    ],
)
def test_refused_pushes_say_what_to_do(
    github: GitHubDouble,
    base: str,
    access: Access,
    checkouts: Checkouts,
    tmp_path: Path,
    permissions: dict[str, str],
    files: dict[str, bytes],
    protect: bool,
    said: str,
) -> None:
    if protect:
        github.protect(DEMO, BRANCH)
    reach = access(DEMO, **permissions)
    checkout = checkouts.clone(reach, base, tmp_path / "git")
    with pytest.raises(CheckoutError, match=said):
        checkouts.commit_and_push(checkout, reach, dataclasses.replace(CHANGE, files=files), BRANCH, None)
    assert github.repository(DEMO).git.tip(BRANCH) is None


def test_clone_refusals(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    reach = access(DEMO)
    rows = [
        (reach, "main", "no commit id"),
        (reach, "0" * 40, "no longer there"),
        (dataclasses.replace(reach, token="wrong"), base, "Is the App installed"),
        (dataclasses.replace(reach, url=f"{github.site}/octo/none.git"), base, "Is the App installed"),
        (dataclasses.replace(reach, url="ext::sh -c x"), base, "is no URL"),
        (dataclasses.replace(reach, url="file:///etc"), base, "is no URL"),
        (
            dataclasses.replace(reach, url="https://me:secret@example.org/a/b"),
            base,
            "carries a user or password",
        ),
    ]
    github.repository(DEMO).private = True
    for number, (given, sha, said) in enumerate(rows):
        with pytest.raises(CheckoutError, match=said) as caught:
            checkouts.clone(given, sha, tmp_path / str(number))
        assert "secret" not in str(caught.value)


def test_a_redirect_is_not_followed(
    base: str, access: Access, checkouts: Checkouts, tmp_path: Path, redirecting: Callable[[str], str]
) -> None:
    """The header with the token would go to wherever the answer points."""
    reach = access(DEMO)
    with pytest.raises(CheckoutError, match=r"30\d|redirect"):
        checkouts.clone(GitAccess(url=redirecting(reach.url), token=reach.token), base, tmp_path / "git")


# --- the token --------------------------------------------------------------------------------------------


def _secrets(token: str) -> tuple[str, str]:
    return token, basic(token)


def test_the_token_is_in_no_argument_and_no_file(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    """Threats 10 and 11: arguments sampled from /proc all through a slow clone and push."""
    reach = access(DEMO)
    for path in (r"info/refs", r"git-upload-pack", r"git-receive-pack"):
        github.faults.add("*", path, Slow(0.3))
    over, seen = threading.Event(), set[bytes]()
    sampler = threading.Thread(target=_sample_arguments, args=(over, seen))
    sampler.start()
    try:
        checkout = checkouts.clone(reach, base, tmp_path / "git")
        checkouts.commit_and_push(checkout, reach, CHANGE, BRANCH, None)
        checkouts.export(checkout, tmp_path / "tree")
    finally:
        over.set()
        sampler.join()
    arguments = b"\n".join(seen)
    assert re.search(rb"remote-http\S*\0.*/octo/demo", arguments), "the sampler saw git at work"
    files = b"\n".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "github" not in path.parts
    )
    for secret in _secrets(reach.token):
        assert secret.encode() not in arguments
        assert secret.encode() not in files
        assert secret not in repr(reach)


def _sample_arguments(over: threading.Event, seen: set[bytes]) -> None:
    while not over.wait(0.01):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                seen.add((process / "cmdline").read_bytes())
            except OSError:  # it ended meanwhile
                continue


def test_the_token_is_in_no_error_and_no_log(
    github: GitHubDouble, base: str, access: Access, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    reach = access(DEMO)
    traced = {
        **os.environ,
        "GIT_TRACE_CURL": "1",
        "GIT_TRACE": "1",
        "GIT_CURL_VERBOSE": "1",
        "GIT_TRACE_REDACT": "0",
    }
    checkouts = Checkouts(git=SealedGit(environment=lambda: traced), sleep=lambda _: None)
    github.faults.add("*", r"info/refs", Status(403, f"echo {reach.token}"), times=None)
    with pytest.raises(CheckoutError) as caught:
        checkouts.clone(reach, base, tmp_path / "git")
    for secret in _secrets(reach.token):
        assert secret not in str(caught.value) + repr(caught.value) + caplog.text


def test_what_git_says_is_redacted(access: Access, base: str, tmp_path: Path) -> None:
    git = SealedGit(redact=lambda text: text.replace("demo", "****"))
    reach = access(DEMO, contents="read")
    checkouts = Checkouts(git=git, sleep=lambda _: None)
    checkout = checkouts.clone(reach, base, tmp_path / "git")
    with pytest.raises(CheckoutError) as caught:
        checkouts.commit_and_push(checkout, reach, CHANGE, BRANCH, None)
    assert "demo" not in str(caught.value)
    assert "****" in str(caught.value)


# --- caps -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("base")
def test_a_slow_server_is_not_waited_for(github: GitHubDouble, access: Access, tmp_path: Path) -> None:
    reach = access(DEMO)
    github.faults.add("GET", r"info/refs", Slow(5))
    call = GitCall(
        arguments=("ls-remote", reach.url), git_dir=tmp_path, access=reach, transports=("http",), seconds=0.5
    )
    before = time.monotonic()
    with pytest.raises(CheckoutError, match=r"took over 0\.5 seconds and was stopped"):
        SealedGit().run(call)
    assert time.monotonic() - before < 60, "it did not hang"
    assert not _children(b"remote-http"), "nothing is left running"


def _children(name: bytes) -> list[bytes]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == str(os.getpid()) and name in line:
            found.append(line)
    return found


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "git|not found|could not be started"),
        (
            "echo git version 2.20.1",
            r"git 2\.32 or newer is needed, found 'git version 2\.20\.1': update git",
        ),
        ("exit 3", r"git 2\.32 or newer is needed"),
    ],
)
def test_a_git_that_is_missing_or_old(script: str | None, said: str, tmp_path: Path) -> None:
    """An old one would ignore the seal without a word."""
    programs = tmp_path / "bin"
    programs.mkdir()
    path = str(programs)
    if script is not None:
        (programs / "git").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "git").chmod(0o755)
        path += f":{os.environ['PATH']}"
    with pytest.raises(CheckoutError, match=said):
        SealedGit(environment=lambda: {"PATH": path}).check_version()


def test_a_checkout_is_a_value(base: str, access: Access, checkouts: Checkouts, tmp_path: Path) -> None:
    checkout = checkouts.clone(access(DEMO), base, tmp_path / "git")
    assert checkout == Checkout(git_dir=tmp_path / "git", commit=base)
    with pytest.raises(CheckoutError, match="is not empty"):
        checkouts.clone(access(DEMO), base, tmp_path / "git")
