"""`codeagent fix REPO`: a path or a URL, whatever is there; the user's repository is not touched."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from bot.errors import CheckoutError
from bot.git.checkout import Change, Checkouts, Person
from bot.git.local import find_local
from bot.git.tree_export import EXECUTABLE, FILE
from tests.checkout.support import Work
from tests.double.server import GitHubDouble

ME = Person(name="me", email="me@example.org")


def fingerprint(directory: Path) -> str:
    """Names, contents, modes and times of everything."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        digest.update(f"{path} {status.st_mode} {status.st_mtime_ns} {status.st_ino}".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def test_nothing_of_the_users_is_touched(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    work.commit({"a.py": "x = 1\n", "b/c.py": "y\n"})
    (work.path / "a.py").write_text("x = 2\n")
    (work.path / "b/c.py").unlink()
    (work.path / "new.py").write_text("new\n")
    before = fingerprint(work.path)
    checkout = checkouts.open_local(str(work.path), None, tmp_path / "git")
    checkouts.export(checkout, tmp_path / "tree")
    change = Change(files={"a.py": b"x = 3\n"}, message="m", author=ME, committer=ME, date=1)
    patch = checkouts.diff(checkout, checkouts.commit(checkout, change))
    assert fingerprint(work.path) == before
    assert b"-x = 1\n+x = 3\n" in patch
    assert (tmp_path / "tree/b/c.py").read_text() == "y\n"
    assert checkout.remarks == (f"Uncommitted changes of {work.path} are not included: a.py, b/c.py.",)


def test_the_copy_of_the_index_is_as_old_as_the_index(work: Work, tmp_path: Path) -> None:
    """git looks into files as young as their index; with a younger copy it would trust their times, and not
    see a change that was made in the moment of the commit (seen once in fifty runs on a busy machine)."""
    work.commit({"a.py": "one\n"})
    os.utime(work.path / ".git/index", ns=(1, 1_234_567_891))
    assert find_local(work.path).lend_index(tmp_path)
    assert (tmp_path / "index").stat().st_mtime_ns == 1_234_567_891


def test_a_clean_tree_has_no_remark(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    """Also when its times changed, as after a copy: contents count."""
    work.commit({f"{number}.py": "x\n" for number in range(3)} | {"link-like.txt": "0.py"})
    (work.path / "l").symlink_to("0.py")
    work.commit({})
    for path in work.path.glob("*.py"):
        os.utime(path, (1, 1))
    assert checkouts.open_local(str(work.path), None, tmp_path / "git").remarks == ()


@pytest.mark.parametrize(
    "base", ["HEAD", "main", "v1", "annotated", "HEAD~1", "refs/heads/side", "side", "SHORT", "FULL"]
)
def test_bases(base: str, work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    first = work.commit({"a": "1"})
    work.git("branch", "side")
    work.git("tag", "v1")
    work.git("tag", "-a", "annotated", "-m", "x")
    second = work.commit({"a": "2"})
    if base == "v1":
        work.git("pack-refs", "--all")
        work.git("gc", "--quiet")
    asked = {"SHORT": first[:10], "FULL": first}.get(base, base)
    checkout = checkouts.open_local(str(work.path), asked, tmp_path / "git")
    assert checkout.commit == (second if base in ("HEAD", "main") else first)


def test_places(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    """A bare one, a linked work tree, a directory below the top, a shallow clone, file://, odd names."""
    sha = work.commit({"a/b/c": "1"})
    work.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked")
    work.git("clone", "--quiet", "--bare", str(work.path), str(tmp_path / "bare"))
    work.git("clone", "--quiet", "--depth=1", f"file://{work.path}", str(tmp_path / "shallow"))
    odd = tmp_path / 'odd:"#\n é'
    shutil.copytree(work.path, odd)
    places = [
        tmp_path / "linked",
        tmp_path / "bare",
        work.path / "a/b",
        tmp_path / "shallow",
        odd,
        work.path / ".git",
    ]
    for number, place in enumerate([*map(str, places), f"file://{work.path}"]):
        checkout = checkouts.open_local(place, None, tmp_path / f"git{number}")
        export = checkouts.export(checkout, tmp_path / f"tree{number}")
        assert (checkout.commit, export.files, checkout.remarks) == (sha, 1, ()), place


def test_a_sha256_repository(tmp_path: Path, checkouts: Checkouts) -> None:
    (tmp_path / "new").mkdir()
    work = Work(tmp_path / "new")
    work.git("init", "--quiet", "--object-format=sha256", "-b", "main")
    sha = work.commit({"a": "1"})
    checkout = checkouts.open_local(str(work.path), None, tmp_path / "git")
    assert (checkout.commit, len(sha)) == (sha, 64)
    assert checkouts.export(checkout, tmp_path / "tree").files == 1
    change = Change(files={"a": None}, message="m", author=ME, committer=ME, date=1)
    assert len(checkouts.commit(checkout, change)) == 64


def test_what_is_no_repository(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / ".git").write_text("gitdir: nowhere\n")
    damaged = tmp_path / "damaged"
    (damaged / ".git").mkdir(parents=True)
    (damaged / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (damaged / ".git/commondir").write_text("../nowhere\n")
    rows = [
        (str(tmp_path / "none"), None, "does not exist"),
        (str(plain), None, r"is not a git repository.*git init"),
        (str(broken), None, r"points to .*nowhere, which is no git repository"),
        (str(damaged), None, "damaged git repository"),
        (str(work.path), None, r"is empty, or its branch is: commit something"),
        (str(work.path), "main", "'main' is no commit of"),
        ("ftp://example.org/x", None, "is no URL"),
        ("ext::sh -c x", None, "does not exist"),
        ("https://me:secret@example.org/x", None, "carries a user or password"),
    ]
    for number, (place, base, said) in enumerate(rows):
        with pytest.raises(CheckoutError, match=said) as caught:
            checkouts.open_local(place, base, tmp_path / f"git{number}")
        assert "secret" not in str(caught.value)


def test_a_reftable_repository_says_what_works(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    sha = work.commit({"a": "1"})
    (work.path / ".git/reftable").mkdir()
    (work.path / ".git/refs/heads/main").unlink()
    with pytest.raises(CheckoutError, match="only full commit ids work"):
        checkouts.open_local(str(work.path), "main", tmp_path / "git")
    assert checkouts.open_local(str(work.path), sha, tmp_path / "git2").commit == sha


def test_a_url_without_a_token(github: GitHubDouble, checkouts: Checkouts, tmp_path: Path) -> None:
    github.create_repository("octo/demo", files={"a": "1"}, default_branch="trunk", private=False)
    github.create_repository("octo/empty", private=False)
    git = github.repository("octo/demo").git
    first = git.tip("trunk")
    assert first is not None
    git.set_ref("refs/tags/v1", first)
    second = github.commit("octo/demo", "trunk", {"a": "2"})
    url = github.git_url("octo/demo")
    for number, (base, sha) in enumerate([(None, second), ("trunk", second), ("v1", first), (first, first)]):
        checkout = checkouts.open_local(url, base, tmp_path / f"git{number}")
        assert checkout.commit == sha
        assert checkouts.export(checkout, tmp_path / f"tree{number}").files == 1
    github.create_repository("octo/private", private=True)
    for number, (name, base, said) in enumerate(
        [
            ("empty", None, "it is empty"),
            ("demo", "nope", "has no nope; name a branch"),
            ("demo", "--upload-pack=x", "has no --upload-pack=x"),
            ("private", None, "It is private, or not there: clone it yourself"),
            ("none", None, "It is private, or not there: clone it yourself"),
        ]
    ):
        with pytest.raises(CheckoutError, match=said):
            checkouts.open_local(f"{github.site}/octo/{name}.git", base, tmp_path / f"no{number}")


def test_another_users_repository(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    """git itself would refuse: "dubious ownership"."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    sha = work.commit({"a": "1"})
    for path in (work.path, *work.path.rglob("*")):
        os.chown(path, 12345, 12345)
    assert checkouts.open_local(str(work.path), None, tmp_path / "git").commit == sha


def test_strange_names_and_contents(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    odd = {
        "ü/ü.py": b"\xff\xfe",
        "sp ace.txt": b"\r\n",
        '"q".txt': b"",
        "-rf": b"x",
        "big": b"\0" * 3_000_000,
    }
    for name, content in odd.items():
        (work.path / name).parent.mkdir(exist_ok=True)
        (work.path / name).write_bytes(content)
    (Path(os.fsdecode(os.fsencode(work.path) + b"/latin\xe9"))).write_bytes(b"l")
    work.commit({})
    checkout = checkouts.open_local(str(work.path), None, tmp_path / "git")
    export = checkouts.export(checkout, tmp_path / "tree")
    assert export.files == len(odd) + 1
    for name, content in odd.items():
        assert (tmp_path / "tree" / name).read_bytes() == content
    assert os.path.exists(os.fsencode(tmp_path / "tree") + b"/latin\xe9")
    files = {"latin\udce9": b"new", "ü/ü.py": None, "ä": b"1"}
    sha = checkouts.commit(checkout, Change(files=files, message="ü", author=ME, committer=ME, date=1))
    work.git("fetch", "--quiet", str(tmp_path / "git"), sha)
    assert work.git("show", "--stat", "--format=%s", sha).startswith("ü")


def test_lfs_pointers_are_pointed_out(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    work.commit({"model.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"})
    export = checkouts.export(checkouts.open_local(str(work.path), None, tmp_path / "git"), tmp_path / "tree")
    assert export.remarks == ("Git LFS pointers stand for files that were not fetched: model.bin",)


def test_modes_do_not_hang_on_the_umask(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    """The sandbox reads the tree as another user."""
    (work.path / "run").write_text("#!/bin/sh\n")
    (work.path / "run").chmod(0o755)
    work.commit({"d/a": "1"})
    old = os.umask(0o077)
    try:
        checkouts.export(checkouts.open_local(str(work.path), None, tmp_path / "git"), tmp_path / "tree")
    finally:
        os.umask(old)
    modes = {name: (tmp_path / "tree" / name).stat().st_mode & 0o777 for name in ("run", "d", "d/a")}
    assert modes == {"run": 0o755, "d": 0o755, "d/a": 0o644}
    assert (FILE, EXECUTABLE) == ("100644", "100755")


def rows(row: str, count: int) -> bytes:
    return "".join(row.format(number) + "\0" for number in range(count)).encode()


@pytest.mark.slow
def test_a_hundred_thousand_files(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    """Issue 2, "bad input of every kind": this many work, twice as many are refused."""
    blob = work.blob(b"x = 1\n")
    leaf = work.git(
        "mktree", "-z", stdin=b"".join(f"100644 blob {blob}\tf{n}.py\0".encode() for n in range(500))
    )
    half = work.git(
        "mktree", "-z", stdin=b"".join(f"040000 tree {leaf}\td{n}\0".encode() for n in range(200))
    )
    full = work.git("mktree", "-z", stdin=b"".join(f"040000 tree {half}\t{n}\0".encode() for n in range(3)))
    some, many = (work.git("commit-tree", "-m", "x", tree) for tree in (half, full))
    checkout = checkouts.open_local(str(work.path), some, tmp_path / "git")
    assert checkouts.export(checkout, tmp_path / "tree").files == 100_000
    change = Change(files={"d7/f9.py": b"x = 2\n"}, message="m", author=ME, committer=ME, date=1)
    assert checkouts.diff(checkout, checkouts.commit(checkout, change)).count(b"\n+") == 2
    with pytest.raises(CheckoutError, match="has over 200,000 files"):
        checkouts.export(checkouts.open_local(str(work.path), many, tmp_path / "git2"), tmp_path / "tree2")
