"""The built-in feedback: each failing test explained in plain English, without a model (E1).

Four kinds, after Self-Debugging: ``simple`` says that the test fails; ``unit test`` adds what was called,
expected and got; ``explanation`` adds where it went wrong; ``trace`` adds the frames. What comes from test
output is bounded and quoted, so that nothing in it is live Markdown or mentions anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.localize.failure import Failure, FailureKind, read_failure
from agent.localize.files import CodeBase
from agent.localize.source import PythonFile
from agent.localize.traceback import Frame
from agent.protocols import View
from agent.types import FeedbackNote, Location
from sandbox.suites.types import CaseResult

KINDS = ("simple", "unit test", "explanation", "trace")
MOST_NOTES = 20
MOST_SUSPECTS = 5
MOST_FRAMES = 8
MAX_QUOTE = 160
MAX_TEXT = 2_000
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")


class BuiltinFeedback:
    """A :class:`agent.protocols.Feedback`."""

    def __init__(self, kind: str = "explanation") -> None:
        if kind not in KINDS:
            raise ValueError(f"kind of feedback must be one of {', '.join(KINDS)}, not {kind}")
        self._kind = kind

    def explain(self, view: View) -> Sequence[FeedbackNote]:
        results = view.state.results
        if results is None:
            return ()
        code = CodeBase(view.context.source, view.state)
        regressed = frozenset(results.regressions)
        suite = results.suite.cases if results.suite else ()
        cases = [case for case in results.generated.cases if case.failing]
        cases += [case for case in suite if case.id in regressed and case.failing]
        notes = [self._note(view, code, case, case.id in regressed) for case in cases[:MOST_NOTES]]
        return tuple(sorted(notes, key=lambda note: note.test))

    def _note(self, view: View, code: CodeBase, case: CaseResult, regressed: bool) -> FeedbackNote:
        failure = read_failure(case, code.all_paths, code.test_paths)
        suspects = _suspects(view, code, failure)
        sentences = [_headline(failure, regressed)]
        if self._kind != "simple":
            sentences += _unit_test(failure)
        if self._kind in ("explanation", "trace"):
            sentences += _explanation(code, failure, suspects)
        if self._kind == "trace":
            sentences += _trace(code, failure)
        text = " ".join(sentences)
        return FeedbackNote(test=case.id, kind=self._kind, text=text[:MAX_TEXT], suspects=suspects)


def quoted(text: str, limit: int = MAX_QUOTE) -> str:
    """A stranger's text as inline code: one line, bounded, nothing in it can end the quotation."""
    flat = UNSAFE.sub(" ", text).replace("`", "'").strip()
    flat = re.sub(r" {2,}", " ", flat)
    short = flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
    return f"`{short}`" if short else "nothing"


def _headline(failure: Failure, regressed: bool) -> str:
    which = "which passed on the base commit, " if regressed else ""
    return (
        f"The test {quoted(failure.test, 200)}, {which}fails."
        if which
        else f"The test {quoted(failure.test, 200)} fails."
    )


def _unit_test(failure: Failure) -> Iterator[str]:
    if failure.kind is FailureKind.NOT_RAISED:
        yield f"It expects that {quoted(failure.exception)} is raised, and nothing was raised."
    elif failure.crashed:
        said = f": {quoted(failure.message)}" if failure.message else ""
        yield f"Instead of giving a value, the code raises {quoted(failure.exception)}{said}."
    elif failure.actual and failure.expected:
        call = f"{quoted(failure.call)} gives" if failure.call else "The code gives"
        yield f"{call} {quoted(failure.actual)}, but {quoted(failure.expected)} is expected."
    else:
        yield f"It says {quoted(failure.message or failure.exception or 'no more than that')}."


def _explanation(code: CodeBase, failure: Failure, suspects: Sequence[Location]) -> Iterator[str]:
    inside = [frame for frame in failure.frames if frame.path in code.paths]
    if inside:
        file = code.file(inside[-1].path)
        text = file.line_text(inside[-1].line) if file else ""
        yield f"It goes wrong in {_place(file, inside[-1])}: {quoted(text)}."
    if failure.kind is not FailureKind.UNKNOWN and failure.crashed:
        yield f"This is a case of: {failure.kind.value}."
    if suspects:
        places = ", ".join(f"line {s.line} of {quoted(s.path)}" for s in suspects[:3])
        yield f"Most suspicious: {places} ({UNSAFE.sub(' ', suspects[0].reason)[:120]})."


def _trace(code: CodeBase, failure: Failure) -> Iterator[str]:
    shown = failure.frames[-MOST_FRAMES:]
    if shown:
        steps = "; then ".join(_place(code.file(frame.path), frame) for frame in shown)
        yield f"On the way it went through {steps}."


def _place(file: PythonFile | None, frame: Frame) -> str:
    function = file.function_at(frame.line) if file else None
    inside = f"{quoted(function.symbol)} ({quoted(frame.path)}, line {frame.line})" if function else ""
    return inside or f"{quoted(frame.path)}, line {frame.line}"


def _suspects(view: View, code: CodeBase, failure: Failure) -> tuple[Location, ...]:
    """The deepest frames, then lines that only this test executes, then the outline's."""
    found: dict[tuple[str, int], Location] = {}
    for frame in reversed(failure.frames):
        if frame.path in code.paths:
            file = code.file(frame.path)
            function = file.function_at(frame.line) if file else None
            found.setdefault(
                (frame.path, frame.line),
                Location(
                    path=frame.path,
                    line=frame.line,
                    symbol=function.symbol if function else "",
                    suspicion=1.0 if not found else 0.6,
                    reason="deepest frame of the failure" if not found else "on the way to the failure",
                ),
            )
    for place in (*_only_here(view, code, failure.test), *_outlined(view)):
        found.setdefault((place.path, place.line), place)
    return tuple(list(found.values())[:MOST_SUSPECTS])


def _only_here(view: View, code: CodeBase, test: str) -> Iterator[Location]:
    results = view.state.results
    if results is None or results.coverage is None:
        return
    product, suite = frozenset(code.paths), view.context.baseline.coverage.lines
    for path in sorted(product & results.coverage.lines.keys()):
        others = suite.get(path, {})
        for line, tests in sorted(results.coverage.lines[path].items()):
            if test in tests and not tests & results.generated.passing and not others.get(line):
                yield Location(path=path, line=line, suspicion=0.5, reason="executed by no other test")


def _outlined(view: View) -> Sequence[Location]:
    outline = view.state.outline
    return outline.targets if outline is not None and not view.state.patch.changes else ()
