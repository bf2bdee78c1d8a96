"""Clone and export over real smart HTTP."""

from __future__ import annotations

import dataclasses
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import CheckoutError
from bot.forge import GitAccess
from bot.git.checkout import Change, Checkout, Checkouts, Person
from bot.git.sealed import GitCall, SealedGit, basic
from tests.double.faults import Slow, Status
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


def test_a_clone_survives_a_short_outage(
    github: GitHubDouble, base: str, access: Access, checkouts: Checkouts, tmp_path: Path
) -> None:
    github.faults.add("GET", r"info/refs", Status(503), times=2)
    assert checkouts.clone(access(DEMO), base, tmp_path / "git").commit == base


# --- refusals ---------------------------------------------------------------------------------------------


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
    """Threats 10 and 11: arguments sampled from /proc all through a slow clone."""
    reach = access(DEMO)
    for path in (r"info/refs", r"git-upload-pack"):
        github.faults.add("*", path, Slow(0.3))
    over, seen = threading.Event(), set[bytes]()
    sampler = threading.Thread(target=_sample_arguments, args=(over, seen))
    sampler.start()
    try:
        checkout = checkouts.clone(reach, base, tmp_path / "git")
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
    reach = dataclasses.replace(access(DEMO), token="wrong")
    with pytest.raises(CheckoutError) as caught:
        Checkouts(git=git, sleep=lambda _: None).clone(reach, base, tmp_path / "git")
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
