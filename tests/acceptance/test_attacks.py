"""Issue 2, "must be shown" no. 6: repositories made to attack the host have no effect outside, and get a
clear answer (threats 8, 12, 13, 16 to 19)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.environments import Recipe, detect
from sandbox.environments.cache import key_of
from sandbox.select import choose
from tests.acceptance.canaries import Sample, unpacked
from tests.acceptance.hostile import (
    Trap,
    forging_files,
    hostile_tree,
    set_hostile_configuration,
)
from tests.acceptance.support import ISSUE, Asked, Service, codeagent, remove
from tests.checkout.support import Work

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]

GOES_NOWHERE = (
    "writes a file of the host",
    "reads a file of the host",
    "climbs out",
    "calls",
    "asks",
    "traces 1",
)
"""What must be refused: the rest of the attacks may work on what is the sandbox's own."""


@pytest.fixture(scope="module")
def asked(service: Service, host: Trap) -> dict[str, Asked]:
    """All of them at once; every test waits for its own."""
    names = {
        "forged-outcomes": forging_files("every outcome"),
        "forged-report": forging_files("the report file"),
    }
    found = {name: service.ask(service.repository(name, files)) for name, files in names.items()}
    tree = service.place / "hostile-tree"
    tree.mkdir()
    work = hostile_tree(Work(path=tree), host)
    full = service.repository("hostile-tree", None)
    service.github.repository(full).git.import_repository(work.path)
    return {**found, "hostile-tree": service.ask(full)}


def answered_clearly(asked: Asked) -> None:
    assert len(asked.comments) == 1
    assert len(asked.checks) == 1
    assert asked.checks[0].conclusion in {"success", "neutral"}, asked.comment
    assert "Traceback (most recent call last)" not in asked.comment.partition("<details>")[0]
    assert "internal error" not in asked.comment


def test_code_that_attacks_gets_nowhere(spied: tuple[Asked, Sample], service: Service, host: Trap) -> None:
    """From the build backend, from conftest.py and from tests; the bug is still repaired."""
    attacking, _ = spied
    answered_clearly(attacking)
    assert len(attacking.pulls) == 1, attacking.comment
    text = unpacked(service.journals(attacking.job)).replace("\\n", "\n")
    loot = re.findall(r"conftest [^\n]*: (?:GOT|refused)[^\n]*", text)
    assert len(set(loot)) > 15, "the attacks did not run"
    assert {
        line for line in loot if ": GOT" in line and any(words in line for words in GOES_NOWHERE)
    } == set()
    assert {line for line in loot if "changes the" in line and ": GOT" in line} == set()
    host.is_untouched()


def test_what_a_build_leaves_is_its_own_repositorys(place: Path) -> None:
    """A build runs code of the repository that is no part of its recipe, and may write into the environment:
    nobody else who declares the same may be given that."""
    tree = place / "declares-the-same"
    tree.mkdir()
    (tree / "test_a.py").write_text("def test_a():\n    pass\n")
    recipe = detect(tree)
    assert isinstance(recipe, Recipe)
    sandboxes = choose("bubblewrap", image="")
    keys = {key_of(recipe, sandboxes, owner) for owner in ("acme/one", "acme/two", "acme/one")}
    assert len(keys) == 2


@pytest.mark.parametrize("name", ["forged-outcomes", "forged-report"])
def test_a_forged_report_proves_nothing(asked: dict[str, Asked], name: str) -> None:
    """Tests that pass whatever happens cannot show that a patch helps: no pull request."""
    forged = asked[name].finished()
    answered_clearly(forged)
    assert forged.pulls == []
    assert "No pull request was opened" in forged.comment or "could not run" in forged.comment


def test_a_tree_that_attacks_is_data(asked: dict[str, Asked], host: Trap) -> None:
    """Links out, a submodule with an ext:: URL, filters, names that git refuses."""
    tree = asked["hostile-tree"].finished()
    answered_clearly(tree)
    assert len(tree.pulls) == 1, tree.comment
    host.is_untouched()


# --- codeagent fix ------------------------------------------------------------------------------------------


@pytest.fixture
def work(place: Path) -> Iterator[Work]:
    directory = place / "fix"
    directory.mkdir()
    repository = directory / "repository"
    repository.mkdir()
    yield Work(path=repository)
    remove(directory)


def test_a_local_repository_that_attacks(work: Work, host: Trap, service: Service) -> None:
    """Its configuration names programs for everything that git can be told to run; the working tree is the
    user's and stays as it is."""
    hostile_tree(work, host)
    set_hostile_configuration(work, host)
    (work.path / "src/pager/pages.py").write_text("changed by the user, not committed\n")
    before = {path: path.lstat().st_mtime_ns for path in work.path.rglob("*")}
    out = work.path.parent / "out"
    ended = codeagent(
        *("fix", str(work.path), "--issue", "\n\n".join(ISSUE), "--out", str(out), "--sandbox", "bubblewrap"),
        cwd=work.path.parent,
        data=service.data,
    )
    assert ended.code == 0, ended.all
    assert "Uncommitted changes" in ended.out
    assert (out / "fix.patch").read_text().count("max(number, 1)") == 1
    assert {path: path.lstat().st_mtime_ns for path in work.path.rglob("*")} == before
    host.is_untouched()
