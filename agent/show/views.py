"""Parts of a run's model from the JSON of a journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.show.fields import (
    NOTHING,
    Body,
    body_of,
    count_of,
    flag_of,
    id_of,
    named_texts_of,
    number_of,
    shortened,
    text_of,
    texts_of,
)
from agent.show.model import ActionView, GateView, NoteView, ReportView, ResultsView, TaskView


def task_view(body: Body) -> TaskView:
    return TaskView(
        repository=text_of(body, "repository", 400),
        base=text_of(body, "base", 64),
        title=text_of(body, "title", 400),
        text=text_of(body, "text", 20_000),
        number=id_of(body, "number"),
    )


def settings_view(body: Body) -> Iterator[tuple[str, str]]:
    """What of the method and the budget is not as usual; the usual is left out of a record."""
    for group in ("method", "budget"):
        for name, value in list(body_of(body, group).items())[:40]:
            if name != "is":
                yield f"{group}: {shortened(str(name), 60)}", shortened(str(value), 300)


def action_view(body: Body) -> ActionView:
    return ActionView(
        id=text_of(body, "id", 300),
        skill=text_of(body, "skill", 40),
        kind=text_of(body, "kind", 100),
        summary=text_of(body, "summary"),
        score=number_of(body, "score"),
        score_source=text_of(body, "score_source", 100),
        origin=text_of(body, "origin", 100),
        level=text_of(body, "level", 40),
        target=_place(body_of(body, "target")),
    )


def _place(body: Body) -> str:
    if body is NOTHING:
        return ""
    symbol = text_of(body, "symbol", 200)
    return f"{text_of(body, 'path', 300)}:{count_of(body, 'line')}" + (f" in {symbol}" if symbol else "")


def note_view(body: Body) -> NoteView:
    return NoteView(
        test=text_of(body, "test", 300), kind=text_of(body, "kind", 40), text=text_of(body, "text")
    )


def gate_view(body: Body) -> GateView:
    return GateView(
        name=text_of(body, "name", 100),
        passed=bool(flag_of(body, "passed")),
        explanation=text_of(body, "explanation", 1_000),
    )


def results_view(value: object) -> ResultsView | None:
    if not isinstance(value, Mapping):
        return None
    suite = value.get("suite")
    return ResultsView(
        score=number_of(value, "score"),
        passes=bool(flag_of(value, "passes")),
        reproduced=bool(flag_of(value, "reproduced")),
        remark=text_of(value, "remark"),
        regressions=texts_of(value, "regressions"),
        generated=report_view(body_of(value, "generated")),
        suite=report_view(suite) if isinstance(suite, Mapping) else None,
    )


def report_view(body: Body) -> ReportView:
    return ReportView(
        passed=count_of(body, "passed"),
        failed=named_texts_of(body, "failed", 20),
        failures=len(body_of(body, "failed")),
        details=named_texts_of(body, "details", 20, 2_000),
        problem=text_of(body, "problem"),
    )
