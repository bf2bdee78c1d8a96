"""Repositories made to attack the host (threats 12 and 13): a marker file must not come to be."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bot.errors import CheckoutError
from bot.git.checkout import Checkouts
from bot.git.sealed import GitCall
from bot.git.tree_export import ExportCaps
from tests.checkout.support import Work


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "attacked"


def _script(marker: Path) -> str:
    return f"touch {marker}"


def test_configuration_of_a_local_repository_has_no_effect(
    work: Work, checkouts: Checkouts, tmp_path: Path, marker: Path
) -> None:
    sha = work.commit({"a.txt": "one\n", ".gitattributes": "* filter=evil diff=evil\n"})
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\n{_script(marker)}\ncat\n")
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.sshCommand", "core.askPass", "core.editor", "core.pager", "core.gitProxy"),
        *("core.alternateRefsCommand", "uploadpack.packObjectsHook", "diff.external", "credential.helper"),
        *(
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "diff.evil.textconv",
            "diff.evil.command",
        ),
        *("remote.origin.uploadpack", "remote.origin.receivepack", "gpg.program", "trailer.x.command"),
    ):
        work.git("config", key, str(program))
    for key, value in (
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::sh -c {program}"),
        ("core.hooksPath", str(tmp_path / "hooks")),
        ("protocol.ext.allow", "always"),
        ("include.path", str(tmp_path / "other")),
    ):
        work.git("config", key, value)
    (tmp_path / "hooks").mkdir()
    for hook in (
        "post-checkout",
        "pre-push",
        "reference-transaction",
        "fsmonitor-watchman",
        "post-index-change",
    ):
        for folder in (tmp_path / "hooks", work.path / ".git/hooks"):
            (folder / hook).write_text(program.read_text())
            (folder / hook).chmod(0o755)
    (work.path / "a.txt").write_text("two\n")
    checkout = checkouts.open_local(str(work.path), None, tmp_path / "git")
    checkouts.export(checkout, tmp_path / "tree")
    assert checkout.commit == sha
    assert checkout.remarks == (f"Uncommitted changes of {work.path} are not included: a.txt.",)
    assert (tmp_path / "tree/a.txt").read_text() == "one\n"
    assert not marker.exists()


def test_a_missing_object_is_not_fetched_from_where_the_repository_says(
    work: Work, checkouts: Checkouts, tmp_path: Path, marker: Path
) -> None:
    """CVE-2024-32004 and the like: a partial clone whose promisor is a command."""
    work.commit({"a.txt": "one\n"})
    blob = work.git("rev-parse", "HEAD:a.txt")
    (work.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    work.git("config", "extensions.partialClone", "origin")
    work.git("config", "remote.origin.promisor", "true")
    work.git("config", "remote.origin.url", f"ext::sh -c '{_script(marker)}'")
    checkout = checkouts.open_local(str(work.path), None, tmp_path / "git")
    with pytest.raises(CheckoutError, match="this is a partial clone"):
        checkouts.export(checkout, tmp_path / "tree")
    assert not marker.exists()


def test_variables_and_files_of_the_host_have_no_effect(
    work: Work, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.commit({"a.txt": "one\n", ".gitattributes": "* filter=evil"})
    (work.path / "a.txt").write_text("two\n")
    home = tmp_path / "home"
    (home / ".config/git").mkdir(parents=True)
    evil = f'[core]\n\tfsmonitor = "{_script(marker)}"\n[filter "evil"]\n\tclean = "{_script(marker)}"\n'
    for name in (".gitconfig", ".config/git/config"):
        (home / name).write_text(evil)
    hostile = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_SYSTEM": str(home / ".gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": _script(marker),
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={_script(marker)}'",
        "GIT_DIR": "/nonexistent",
        "GIT_WORK_TREE": "/nonexistent",
        "GIT_INDEX_FILE": "/nonexistent",
        "GIT_OBJECT_DIRECTORY": "/nonexistent",
        "GIT_NAMESPACE": "x",
        "GIT_EXTERNAL_DIFF": _script(marker),
        "GIT_SSH_COMMAND": _script(marker),
        "GIT_ASKPASS": _script(marker),
        "GIT_TEMPLATE_DIR": str(tmp_path),
        "GIT_TRACE": str(marker),
        "SECRET": "s3cret",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    checkouts = Checkouts(sleep=lambda _: None)
    checkout = checkouts.open_local(str(work.path), None, tmp_path / "git")
    checkouts.export(checkout, tmp_path / "tree")
    asked = GitCall(arguments=("-c", "alias.e=!env", "e"), git_dir=checkout.git_dir)
    seen = checkouts.git.run(asked).decode()
    assert (tmp_path / "tree/a.txt").read_text() == "one\n"
    assert "a.txt" in checkout.remarks[0]
    assert not marker.exists()
    for text in ("s3cret", "GIT_NAMESPACE", "GIT_TRACE", str(home)):
        assert text not in seen


def test_a_hostile_tree_is_written_as_data(
    work: Work, checkouts: Checkouts, tmp_path: Path, marker: Path
) -> None:
    ok, evil = work.blob(b"fine\n"), work.blob(_script(marker).encode())
    out, absolute = work.blob(b"../../outside"), work.blob(str(marker).encode())
    inner = work.git("mktree", "-z", stdin=f"100644 blob {ok}\tfile\0".encode())
    attributes = work.blob(b"* filter=lfs export-ignore export-subst working-tree-encoding=utf-16\n")
    modules = work.blob(f'[submodule "x"]\n\tpath = sub\n\turl = ext::sh -c "{_script(marker)}"\n'.encode())
    rows = (
        f"100644 blob {attributes}\t.gitattributes",
        f"100644 blob {modules}\t.gitmodules",
        f"160000 commit {'1' * 40}\tsub",
        f"120000 blob {out}\tescape",
        f"120000 blob {absolute}\tabsolute",
        f"120000 blob {work.blob(b'plain')}\tinside",
        f"120000 blob {work.blob(b'plain/../../..')}\tup-again",
        f"120000 blob {work.blob(b'.git/hooks')}\tto-git",
        f"100644 blob {ok}\tplain",
        f"100644 blob {ok}\tnew\nline",
        f"100644 blob {ok}\t{'n' * 300}",
        f"100664 blob {ok}\told-mode",
        f"040000 tree {inner}\tfolder",
    )
    sha = work.commit_tree("".join(f"{row}\0" for row in rows).encode())
    checkout = checkouts.open_local(str(work.path), sha, tmp_path / "git")
    export = checkouts.export(checkout, tmp_path / "tree")
    root = tmp_path / "tree"
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
    assert names == {".gitattributes", ".gitmodules", "plain", "inside", "old-mode", "folder/file"}
    assert (root / "plain").read_bytes() == b"fine\n"
    assert (root / "inside").readlink() == Path("plain")
    said = "\n".join(export.remarks)
    for name in ("sub", "escape", "absolute", "up-again", "to-git", r"'new\nline'", "n" * 200):
        assert name in said
    assert evil not in said
    assert not marker.exists()


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "git~1", ".git ", ".gi\u200ct"])
def test_names_that_git_would_refuse(name: str, work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    """Such a tree cannot be made with git's own commands: its bytes are written by hand."""
    file = bytes.fromhex(work.blob(b"x"))
    inner = _tree(work, b"100644 config\0" + file)
    sha = work.git(
        "commit-tree", "-m", "x", _tree(work, b"40000 " + name.encode() + b"\0" + bytes.fromhex(inner))
    )
    checkout = checkouts.open_local(str(work.path), sha, tmp_path / "git")
    export = checkouts.export(checkout, tmp_path / "tree")
    assert list((tmp_path / "tree").iterdir()) == []
    assert not (tmp_path / "config").exists()
    assert len(export.remarks) == 1


def test_a_link_and_a_directory_of_one_name(
    work: Work, checkouts: Checkouts, tmp_path: Path, marker: Path
) -> None:
    """`a` is a link to outside and a directory: writing a/attacked must not go through it."""
    outside = bytes.fromhex(work.blob(str(tmp_path).encode()))
    inner = _tree(work, b"100644 attacked\0" + bytes.fromhex(work.blob(b"x")))
    rows = (
        b"120000 a\0" + outside + b"40000 a\0" + bytes.fromhex(inner) + b"100644 b\0" + outside + b"40000 b\0"
    )
    sha = work.git("commit-tree", "-m", "x", _tree(work, rows + bytes.fromhex(inner)))
    checkout = checkouts.open_local(str(work.path), sha, tmp_path / "git")
    export = checkouts.export(checkout, tmp_path / "tree")
    assert not marker.exists()
    assert (tmp_path / "tree/a/attacked").is_file()
    assert (tmp_path / "tree/b").is_file()
    assert len(export.remarks) == 2


def _tree(work: Work, raw: bytes) -> str:
    return work.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)


def test_a_tree_bomb_is_stopped(work: Work, tmp_path: Path) -> None:
    """Ten objects that stand for ten thousand million files."""
    tree = work.git(
        "mktree", "-z", stdin=b"".join(f"100644 blob {work.blob(b'x')}\t{n}\0".encode() for n in range(10))
    )
    for _ in range(9):
        tree = work.git(
            "mktree", "-z", stdin=b"".join(f"040000 tree {tree}\t{n}\0".encode() for n in range(10))
        )
    sha = work.git("commit-tree", "-m", "bomb", tree)
    checkouts = Checkouts(caps=ExportCaps(files=5000))
    with pytest.raises(CheckoutError, match="has over 5,000 files or"):
        checkouts.export(checkouts.open_local(str(work.path), sha, tmp_path / "git"), tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_a_file_that_is_too_large_is_stopped(work: Work, tmp_path: Path) -> None:
    work.commit({f"{number}": b"\0" * 1000 for number in range(3)})
    checkouts = Checkouts(caps=ExportCaps(total_bytes=2500))
    with pytest.raises(CheckoutError, match="or 2,500 bytes"):
        checkouts.export(checkouts.open_local(str(work.path), None, tmp_path / "git"), tmp_path / "tree")


def test_pipes_sockets_and_links_in_the_git_directory(
    work: Work, checkouts: Checkouts, tmp_path: Path, marker: Path
) -> None:
    """A pipe would be read for ever, a link would give a file of the host away."""
    sha = work.commit({"a.txt": "one\n"})
    refs = work.path / ".git/refs/heads"
    os.mkfifo(refs / "pipe")
    (refs / "link").symlink_to("/etc/passwd")
    (refs / "text").write_text(f"ref: refs/../../../{marker}\n")
    (refs / "folder").symlink_to("/etc")
    (work.path / ".git/packed-refs").symlink_to("/etc/passwd")
    (work.path / ".git/index").unlink()
    os.mkfifo(work.path / ".git/index")
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        try:
            os.chdir(refs)  # a socket's path is short
            bound.bind("socket")
        finally:
            os.chdir(here)
        checkout = checkouts.open_local(str(work.path), "main", tmp_path / "git")
    assert (checkout.commit, checkout.remarks) == (sha, ())
    copied = [path for path in (tmp_path / "git/refs").rglob("*") if path.is_file()]
    assert {path.name for path in copied} == {"main"}


@pytest.mark.parametrize(
    "base", ["--upload-pack=x", "-h", "main:a.txt", "HEAD..main", "nope", "", "@{-1}", "a\0b"]
)
def test_a_base_is_never_an_option(base: str, work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    work.commit({"a.txt": "one\n"})
    if base == "":  # the default
        assert checkouts.open_local(str(work.path), base, tmp_path / "git").commit
        return
    with pytest.raises(CheckoutError, match="is no commit of"):
        checkouts.open_local(str(work.path), base, tmp_path / "git")
