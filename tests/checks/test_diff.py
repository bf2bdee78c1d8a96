"""The diff of a patch is one that git applies."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.types import FileChange, Patch
from bot.checks.diff import git_diff

TEXT = st.lists(st.sampled_from(["a", "b", "", "x\r", "é", "\x0c", "-", "+"]), max_size=12).map("\n".join)


def applied(directory: Path, old: str, new: str) -> str:
    (directory / "f.py").write_bytes(old.encode())
    patch = Patch.of([FileChange(path="f.py", content=new.encode())])
    diff = git_diff(patch, lambda _path: old.encode())
    if diff:
        command = ("git", "apply", "--whitespace=nowarn", "--unidiff-zero", "-")
        subprocess.run(command, cwd=directory, input=diff.encode(), check=True, capture_output=True)
    return (directory / "f.py").read_bytes().decode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=TEXT.filter(bool), new=TEXT.filter(bool))
def test_it_applies(tmp_path: Path, old: str, new: str) -> None:
    assert applied(tmp_path, old, new) == new


def test_new_and_deleted_files(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("x\n")
    patch = Patch.of([FileChange(path="a/new.py", content=b"y"), FileChange(path="old.py", content=None)])
    diff = git_diff(patch, {"old.py": b"x\n"}.get)
    subprocess.run(("git", "apply", "-"), cwd=tmp_path, input=diff.encode(), check=True)
    assert (tmp_path / "a" / "new.py").read_text() == "y"
    assert not (tmp_path / "old.py").exists()


@pytest.mark.parametrize(("path", "content"), [("b.bin", b"\xff\xfe"), ('a"b.py', b"x"), ("a\nb.py", b"x")])
def test_what_cannot_be_shown_is_not(path: str, content: bytes) -> None:
    assert git_diff(Patch.of([FileChange(path=path, content=content)]), lambda _path: None) == ""
