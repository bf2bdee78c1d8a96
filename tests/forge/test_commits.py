"""Commits through the Git data API: signed by GitHub, modes kept, forward only, and nothing done twice."""

from __future__ import annotations

import pytest

from bot.errors import ForgeRefused, ForgeUnavailable
from bot.forge import Branch, Forge, NewCommit
from tests.double.faults import Fault, Garbage, Meanwhile, ResetAfter, ResetBefore, Status, StatusAfter
from tests.double.git import Author, BareRepository
from tests.forge.conftest import DEMO, Stage

BRANCH = "codeagent/issue-1-abcd"
LOST = (ResetBefore(), ResetAfter(), Status(502), StatusAfter(502), Garbage())


def git_of(stage: Stage) -> BareRepository:
    return stage.github.repository(DEMO).git


def tip(stage: Stage, branch: str = "main") -> str:
    sha = git_of(stage).tip(branch)
    assert sha is not None
    return sha


def modes(git: BareRepository, sha: str) -> dict[str, str]:
    return {each.path: each.mode for each in git.tree(sha, recursive=True) if each.kind == "blob"}


def content(git: BareRepository, sha: str, path: str) -> bytes:
    return git.run("cat-file", "blob", f"{sha}:{path}").stdout


@pytest.fixture
def tree(stage: Stage) -> str:
    """A tree with an executable, a link and directories."""
    git = git_of(stage)
    author = Author(name="alice", email="alice@example.org")
    files = {"run.sh": b"#!/bin/sh\n", "pkg/deep/b.py": b"y = 1\n", "pkg/gone.py": b"", "other/c.py": b"c\n"}
    git.commit_files("main", files, "More", author, executable=("run.sh",))
    link = {"path": "link", "mode": "120000", "sha": git.write_blob(b"a.py")}
    made = git.write_tree([link], base=f"{tip(stage)}^{{tree}}")
    sha = git.write_commit(made, (tip(stage),), "A link", author, author)
    git.set_ref("refs/heads/main", sha)
    return sha


def test_a_commit_keeps_modes_and_is_signed(stage: Stage, forge: Forge, tree: str) -> None:
    changed = {
        "run.sh": b"#!/bin/sh\nexit 0\n",
        "pkg/deep/b.py": "y = 'ü\r\n'\n".encode(),
        "pkg/gone.py": None,
        "never/was.py": None,
        "new/data.bin": b"\xff\0\xfe",
    }
    sha = forge.create_commit(NewCommit(parent=tree, message="Fix it\n\nWell.", files=changed))
    git = git_of(stage)
    assert modes(git, sha) == {
        "a.py": "100644",
        "link": "120000",
        "new/data.bin": "100644",
        "other/c.py": "100644",
        "pkg/deep/b.py": "100644",
        "run.sh": "100755",
    }
    for path in ("run.sh", "pkg/deep/b.py", "new/data.bin"):
        assert content(git, sha, path) == changed[path]
    made = git.commit(sha)
    assert (made.parents, made.message, made.author.name) == ((tree,), "Fix it\n\nWell.", "codeagent[bot]")
    (sent,) = [each.body for each in stage.github.requests_to("POST", r"/git/commits$")]
    assert not {"author", "committer", "signature"} & sent.keys(), "only so does GitHub sign it"
    assert git.refs("refs/heads/") == {"refs/heads/main": tree}, "nobody sees it yet"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("link", "link or submodule"),
        ("link/x.py", "link or submodule"),
        ("pkg", "in the way"),
        ("a.py/b.py", "in the way"),
        ("../x", "'..' part"),
        (".git/config", "git directory"),
        (".github/workflows/ci.yml", "workflows"),
    ],
)
def test_what_no_commit_may_touch(path: str, why: str, forge: Forge, tree: str) -> None:
    with pytest.raises(ForgeRefused, match=why):
        forge.create_commit(NewCommit(parent=tree, message="No", files={path: b"x"}))


def test_a_directory_gives_way_to_a_file_when_it_is_emptied(stage: Stage, forge: Forge, tree: str) -> None:
    files = {"other": b"a file now\n", "other/c.py": None}
    sha = forge.create_commit(NewCommit(parent=tree, message="Flat", files=files))
    assert modes(git_of(stage), sha)["other"] == "100644"


def test_what_says_nothing_new_is_no_commit(stage: Stage, forge: Forge, tree: str) -> None:
    assert forge.create_commit(NewCommit(parent=tree, message="Same", files={"a.py": b"x = 1\n"})) == tree
    assert forge.create_commit(NewCommit(parent=tree, message="Nothing", files={})) == tree
    mine = forge.create_commit(NewCommit(parent=tree, message="Fix", files={"a.py": b"x = 2\n"}))
    again = NewCommit(parent=tree, message="Fix", files={"a.py": b"x = 2\n"}, also=(mine,))
    assert forge.create_commit(again) == mine
    assert stage.github.creates["commit"] == 1


def test_a_branch_goes_on_from_a_newer_base_without_force(stage: Stage, forge: Forge) -> None:
    first = forge.create_commit(NewCommit(parent=tip(stage), message="Fix", files={"a.py": b"x = 2\n"}))
    assert forge.move_branch(BRANCH, first, None)
    newer = stage.github.commit(DEMO, "main", {"b.py": "new\n"})
    new = NewCommit(parent=newer, message="Fix again", files={"a.py": b"x = 3\n"}, also=(first,))
    second = forge.create_commit(new)
    assert forge.move_branch(BRANCH, second, first)
    git = git_of(stage)
    assert git.commit(second).parents == (newer, first)
    assert git.changed_paths(newer, second) == ("a.py",)
    assert content(git, second, "a.py") == b"x = 3\n"


def test_a_branch_is_moved_only_from_where_it_is_expected(stage: Stage, forge: Forge) -> None:
    base = tip(stage)
    mine = forge.create_commit(NewCommit(parent=base, message="Fix", files={"a.py": b"x = 2\n"}))
    assert not forge.move_branch(BRANCH, mine, base), "there is no such branch"
    assert forge.branch(BRANCH) is None
    assert forge.move_branch(BRANCH, mine, None)
    assert forge.move_branch(BRANCH, mine, None), "it is there already"
    assert forge.branch(BRANCH) == Branch(name=BRANCH, sha=mine)
    theirs = stage.github.commit(DEMO, BRANCH, {"a.py": "theirs\n"})
    more = forge.create_commit(NewCommit(parent=mine, message="More", files={"a.py": b"x = 3\n"}))
    assert not forge.move_branch(BRANCH, more, mine)
    assert not forge.move_branch(BRANCH, more, None)
    assert tip(stage, BRANCH) == theirs


def test_who_comes_between_the_look_and_the_move_is_not_overwritten(stage: Stage, forge: Forge) -> None:
    """Our look saw the branch at ``base``; by the time of the move it is elsewhere."""
    base = tip(stage)
    stage.github.create_branch(DEMO, BRANCH)
    mine = forge.create_commit(NewCommit(parent=base, message="Fix", files={"a.py": b"x = 2\n"}))
    theirs = stage.github.commit(DEMO, "theirs", {"c.py": "c\n"})
    there, gone = (
        Meanwhile(lambda: _point(stage, BRANCH, theirs)),
        Meanwhile(lambda: _point(stage, "fresh", theirs)),
    )
    stage.github.faults.add("PATCH", rf"/git/refs/heads/{BRANCH}$", there)
    assert not forge.move_branch(BRANCH, mine, base)
    stage.github.faults.add("POST", r"/git/refs$", gone)
    assert not forge.move_branch("fresh", mine, None)
    assert tip(stage, BRANCH) == tip(stage, "fresh") == theirs


def _point(stage: Stage, branch: str, sha: str) -> None:
    git_of(stage).set_ref(f"refs/heads/{branch}", sha)


def test_a_protected_branch_is_refused_with_a_reason(stage: Stage, forge: Forge) -> None:
    stage.github.protect(DEMO, "main")
    base = tip(stage)
    mine = forge.create_commit(NewCommit(parent=base, message="Fix", files={"a.py": b"x = 2\n"}))
    with pytest.raises(ForgeRefused, match="must be made through a pull request"):
        forge.move_branch("main", mine, base)


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: str(fault)[:24])
@pytest.mark.parametrize("where", [r"/git/(trees|blobs)", r"/git/(commits|refs/heads)", r"/git/refs$"])
def test_a_lost_answer_changes_nothing(where: str, fault: Fault, stage: Stage, forge: Forge) -> None:
    stage.github.faults.add("*", where, fault, times=2)
    files = {"a.py": b"x = 2\n", "data.bin": b"\0"}
    first = forge.create_commit(NewCommit(parent=tip(stage), message="Fix", files=files))
    assert forge.move_branch(BRANCH, first, None)
    second = forge.create_commit(NewCommit(parent=first, message="More", files={"a.py": b"x = 3\n"}))
    assert forge.move_branch(BRANCH, second, first)
    assert git_of(stage).log(BRANCH) == [second, first, tip(stage)]


def test_an_answer_that_never_comes_is_temporary(stage: Stage, forge: Forge) -> None:
    stage.github.faults.add("POST", r"/git/commits$", ResetAfter(), times=None)
    with pytest.raises(ForgeUnavailable):
        forge.create_commit(NewCommit(parent=tip(stage), message="Fix", files={"a.py": b"2"}))
