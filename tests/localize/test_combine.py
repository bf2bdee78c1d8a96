"""Places ranked by what runs, what the traceback says and what the issue names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.localize.combine import line_map, locate, relocate
from agent.protocols import Context
from agent.types import Baseline, Location, Results, State, Task, TestFile
from sandbox.suites.types import CaseResult, Coverage, SuiteReport, Verdict

CODE = """\
def load(path):
    data = read(path)
    return data.strip()


def read(path):
    if path:
        return None
    return ""


def save(path):
    return path
"""


@dataclass(frozen=True)
class Tree:
    files: dict[str, bytes]

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def context(title: str, passing: dict[int, str] | None = None) -> Context:
    lines = {"m.py": {line: frozenset(ids.split()) for line, ids in (passing or {}).items()}}
    baseline = Baseline(
        passing=frozenset({"ok"}), failing=frozenset(), flaky=frozenset(), skipped=frozenset(),
        coverage=Coverage(lines=lines),
    )  # fmt: skip
    return Context(
        task=Task(repository="o/n", base="0", title=title, text=""),
        source=Tree({"m.py": CODE.encode(), "tests/test_m.py": b"x = 1\n"}),
        baseline=baseline,
    )


def state(message: str, details: str, lines: tuple[int, ...]) -> State:
    case = CaseResult(id="t", verdict=Verdict.FAILED, message=message, details=details)
    coverage = Coverage(lines={
        "m.py": {line: frozenset({"t"}) for line in lines}, "tests/test_m.py": {1: frozenset({"t"})}
    }) if lines else None  # fmt: skip
    results = Results(generated=SuiteReport(cases=(case,)), coverage=coverage, reproduced=True)
    return State(tests=(TestFile(path="tests/test_i.py", content="", verifies="it"),), results=results)


CRASH = """\
Traceback (most recent call last):
  File "tests/test_i.py", line 1, in t
  File "m.py", line 3, in load
AttributeError: 'NoneType' object has no attribute 'strip'
"""


def test_the_deepest_frame_leads_and_what_it_uses_follows() -> None:
    places = locate(context("crash"), state("AttributeError: 'NoneType'…", CRASH, (2, 3, 7, 8)))
    assert [place.line for place in places[:2]] == [3, 2]
    assert places[0].suspicion == 1.0
    assert "came from here" in places[0].reason
    assert {place.path for place in places} == {"m.py"}


def test_a_condition_shares_the_suspicion_of_its_branch() -> None:
    passing = {2: "ok", 7: "ok"}
    places = locate(context("wrong", passing), state("assert 1 == 2", "", (2, 7, 8)))
    by_line = {place.line: place.suspicion for place in places}
    assert by_line[8] == 1.0
    assert by_line[2] < by_line[7] < 1.0


def test_the_issue_breaks_ties() -> None:
    places = locate(context("`load` is wrong"), state("assert 1 == 2", "", (2, 3, 9)))
    assert {place.line for place in places if place.suspicion == 1.0} == {2, 3}


def test_without_coverage_the_words_must_do() -> None:
    places = locate(context("`save` gives the path"), state("", "", ()))
    assert places[0].symbol == "save"
    assert locate(context("nothing known"), state("", "", ())) == ()


def test_places_move_with_the_code() -> None:
    ground = context("x")
    base = state("assert 1 == 2", "", (2, 3, 9))
    target = Location(path="m.py", line=13, symbol="save", suspicion=0.5)
    text = CODE.replace(
        "    data = read(path)\n", "    if not path:\n        return ''\n    data = read(path)\n"
    )
    patched = replace(base, patch=base.patch.with_file("m.py", text.encode()))
    moved = relocate(ground, patched, [target])
    assert [place.line for place in moved] == [15]
    assert text.splitlines()[14] == "    return path"


def test_line_map_rows() -> None:
    assert line_map("abc", "abc") == {1: 1, 2: 2, 3: 3}
    assert line_map("abc", "aXXbc") == {1: 1, 2: 4, 3: 5}
    assert line_map("abc", "aXc") == {1: 1, 2: 2, 3: 3}
    assert line_map("abc", "ac") == {1: 1, 2: 2, 3: 2}
    assert line_map("", "a") == {}
