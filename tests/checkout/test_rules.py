"""Branch names, patch paths, links: tables and properties (threats 13 and 20)."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import CheckoutError
from bot.git.checkout import Change, Checkouts, Person, planned_modes, valid_branch
from bot.git.tree_export import Entry, link_stays_inside, path_fault
from tests.checkout.support import Work

USED = ["codeagent/issue-1-abcd", "main", "a.b_c-d/e", "0", "release/1.2.x", "a" * 200]
NOT_USED = [
    *(
        "",
        "-x",
        "--upload-pack=x",
        "a b",
        "a..b",
        "a@{1}",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "/a",
    ),
    *("a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a/-b", "HEAD", "refs/heads/a", "@", "$(x)"),
    *("a;b", "a|b", "a\nb", "a\0b", "ä", "a" * 201, "`x`", "a&b", "a'b", "x/HEAD/.."),
]


@pytest.mark.parametrize("name", USED)
def test_branch_names_that_are_used(name: str) -> None:
    assert valid_branch(name)


@pytest.mark.parametrize("name", NOT_USED)
def test_branch_names_that_are_not(name: str) -> None:
    assert not valid_branch(name)


@settings(max_examples=60)
@given(st.from_regex(r"[A-Za-z0-9./_@{}~^:-]{1,12}", fullmatch=True))
def test_every_name_that_we_take_is_one_for_git(name: str) -> None:
    if valid_branch(name):
        check = ("git", "check-ref-format", "--branch", name)
        assert subprocess.run(check, capture_output=True, check=False).returncode == 0


GOOD_PATHS = ["a", "a/b.py", ".github/x", ".gitignore", "..a", "a..", "ü/ñ", "a b", "-x", "git", "'"]
BAD_PATHS = [
    *("", "/etc/passwd", "../a", "a/../../b", "a/./b", "a//b", "a/", ".git/config", "a/.GIT/hooks/x", ".git"),
    *("a/git~1/x", ".git /x", ".git./x", ".git::$INDEX_ALLOCATION/x", ".g\u200cit/config", "a\nb", "a\0b"),
    "x" * 5000,
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_no_patch_may_have(path: str) -> None:
    assert path_fault(path)
    with pytest.raises(CheckoutError, match=r"The patch has a path that .* Nothing was committed"):
        planned_modes({}, {path: b""})


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_paths_that_a_patch_may_have(path: str) -> None:
    assert planned_modes({}, {path: b""}) == {path: "100644"}


def entries(**modes: str) -> dict[str, Entry]:
    names = {name.replace("__", "/"): mode for name, mode in modes.items()}
    return {name: Entry(mode=mode, sha="0" * 40, size=1, path=name) for name, mode in names.items()}


TREE = entries(file="100644", script="100755", link="120000", sub="160000", d__f="100644")


@pytest.mark.parametrize(
    ("files", "modes"),
    [
        ({"file": b"", "script": b""}, {"file": "100644", "script": "100755"}),
        ({"file": None}, {"file": "0"}),
        ({"none": None}, {}),
        ({"file": None, "file/inner": b""}, {"file": "0", "file/inner": "100644"}),
        ({"d/f": None, "d": b""}, {"d": "100644", "d/f": "0"}),
    ],
)
def test_the_rows_of_a_patch(files: dict[str, bytes | None], modes: dict[str, str]) -> None:
    assert planned_modes(TREE, files) == modes


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"link": b""}, "link or submodule"),
        ({"link": None}, "link or submodule"),
        ({"link/x": b""}, "link or submodule"),
        ({"link": None, "link/x": b""}, "link or submodule"),
        ({"sub/x": b""}, "link or submodule"),
        ({"d": b""}, "in the way"),
        ({"file/x": b""}, "in the way"),
        ({"n": b"", "n/m": b""}, "in the way"),
    ],
)
def test_what_is_in_the_way(files: dict[str, bytes | None], said: str) -> None:
    with pytest.raises(CheckoutError, match=said):
        planned_modes(TREE, files)


NAMES = st.sampled_from(("a", "b", "c", "..", ".", "l1", "l2", ""))
PATHS = st.lists(NAMES, min_size=1, max_size=6).map("/".join)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(("a", "b", "c")), max_size=3), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(("l1", "l2", "l3")), PATHS), max_size=6),
)
def test_no_set_of_links_leads_out(folders: list[list[str]], links: list[tuple[int, str, str]]) -> None:
    """Whatever links are made together, and whatever is behind them, resolving one stays inside."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve() / "x" / "y" / "root"
        for outside in (root, *root.parents[:3]):  # so that what leads out would be seen to
            for name in ("a", "b", "c"):
                (outside / name).mkdir(parents=True, exist_ok=True)
        made = []
        for folder in folders:
            root.joinpath(*folder).mkdir(parents=True, exist_ok=True)
        for index, name, target in links:
            path = "/".join([*folders[index % len(folders)], name])
            if link_stays_inside(path, target) and not (root / path).is_symlink():
                (root / path).symlink_to(target)
                made.append(root / path)
        for link in made:
            try:
                real = link.resolve(strict=True)
            except (OSError, RuntimeError):  # nothing there, or a circle
                continue
            assert real == root or root in real.parents, (link, os.readlink(link))


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True),
        ("a/b", "../c", True),
        ("a/b/c", "../../d/e", True),
        ("a", "../b", False),
        ("a/b", "../../c", False),
        ("a", "/etc/passwd", False),
        ("a", "b/../c", False),  # b may be a link to a deeper place
        ("a", ".git/config", False),
        ("a/b", "../.GIT/config", False),
        ("a", "", False),
        ("a", ".", True),
        ("a", "b\0c", False),
    ],
)
def test_links(path: str, target: str, inside: bool) -> None:
    assert link_stays_inside(path, target) is inside


def test_who_may_sign(work: Work, checkouts: Checkouts, tmp_path: Path) -> None:
    work.commit({"a": "1"})
    checkout = checkouts.open_local(str(work.path), None, tmp_path / "git")
    good = Person(name="x", email="x@example.org")
    change = Change(files={"a": b"2"}, message="m", author=good, committer=good, date=1)
    for bad in (Person(name="", email="x"), Person(name="a <b>", email="x"), Person(name="a", email="x\ny")):
        with pytest.raises(CheckoutError, match="cannot sign"):
            checkouts.commit(checkout, dataclasses.replace(change, author=bad))
    with pytest.raises(CheckoutError, match="changes nothing"):
        checkouts.commit(checkout, dataclasses.replace(change, files={"a": b"1"}))
