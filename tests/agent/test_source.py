"""The source tree: a stranger's directory, read without following anything, and again from the journal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import JournalDiverged
from agent.journal import FileJournal, ReplayJournal
from agent.source import LARGEST, HostTree, RecordedTree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "pkg" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / "pkg" / "a.py").write_text("a = 1\n")
    (root / "pkg" / "copy.py").write_text("a = 1\n")
    (root / "pkg" / "latin.py").write_bytes(b"# \xe9\n\x00")
    (root / "pkg" / "deep" / "image.png").write_bytes(bytes(range(256)))
    (root / "README").write_text("read me")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "folder").symlink_to("pkg")
    os.mkfifo(root / "pipe")
    (root / os.fsdecode(b"bad-\xff.py")).write_text("x")
    return root


def test_only_regular_files_are_listed_and_read(tree: Path) -> None:
    host = HostTree(tree)
    assert host.paths() == ("README", "pkg/a.py", "pkg/copy.py", "pkg/deep/image.png", "pkg/latin.py")
    assert host.links() == ("folder", "outside", "pipe")
    assert host.read("pkg/a.py") == b"a = 1\n"


@pytest.mark.parametrize(
    "path",
    [
        "outside",
        "folder/a.py",
        "pipe",
        "pkg",
        ".git/config",
        "../tree/README",
        "/etc/passwd",
        "missing",
        "",
        "pkg/./a.py",
    ],
)
def test_nothing_else_can_be_read(tree: Path, path: str) -> None:
    assert HostTree(tree).read(path) is None


def test_a_file_swapped_for_a_link_is_not_followed(tree: Path) -> None:
    host = HostTree(tree)
    host.paths()
    (tree / "README").unlink()
    (tree / "README").symlink_to("/etc/passwd")
    assert host.read("README") is None


def test_a_huge_file_counts_as_missing(tree: Path) -> None:
    with open(tree / "huge.py", "wb") as file:
        file.truncate(LARGEST + 1)
    assert HostTree(tree).read("huge.py") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "pkg" / "a.py").write_text("a = 2\n"),
        lambda root: (root / "pkg" / "a.py").chmod(0o755),
        lambda root: (root / "new").write_text(""),
        lambda root: (root / "README").unlink(),
        lambda root: ((root / "outside").unlink(), (root / "outside").symlink_to("/etc/shadow")),
        lambda root: (root / os.fsdecode(b"bad-\xff.py")).write_text("y"),
    ],
)
def test_the_digest_sees_every_change_but_those_of_git(tree: Path, change) -> None:
    before = HostTree(tree).digest
    (tree / ".git" / "config").write_text("other")
    assert HostTree(tree).digest == before
    change(tree)
    assert HostTree(tree).digest != before


def test_a_replay_reads_the_same_without_the_tree(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    host = HostTree(tree)
    with FileJournal(path, run="r", task={}) as journal:
        recorded = RecordedTree(journal, lambda: host)
        for name in (*host.paths(), "missing"):
            assert recorded.read(name) == host.read(name)
    replayed = RecordedTree(ReplayJournal(path), _nowhere)
    assert replayed.paths() == host.paths()
    assert replayed.links() == host.links()
    assert replayed.digest == host.digest
    for name in (*host.paths(), "missing"):
        assert replayed.read(name) == host.read(name)


def _nowhere() -> HostTree:
    raise AssertionError("a replay has no tree")


def test_another_tree_is_noticed(tree: Path, tmp_path: Path) -> None:
    with FileJournal(tmp_path / "j", run="r", task={}) as journal:
        recorded = RecordedTree(journal, lambda: HostTree(tree))
        recorded.verify()
        (tree / "pkg" / "a.py").write_text("a = 3\n")
        with pytest.raises(JournalDiverged):
            recorded.verify()


def test_the_record_is_small(tmp_path: Path) -> None:
    """Two thousand files with the same text are one text and a listing."""
    root = tmp_path / "tree"
    for folder in range(20):
        (root / f"package_{folder}").mkdir(parents=True)
        for number in range(100):
            (root / f"package_{folder}" / f"module_{number}.py").write_text("x = 1\n" * 100)
    with FileJournal(tmp_path / "j", run="r", task={}) as journal:
        recorded = RecordedTree(journal, lambda: HostTree(root))
    assert len(recorded.paths()) == 2_000
    assert (tmp_path / "j").stat().st_size < 40_000
