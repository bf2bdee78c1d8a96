"""Plan steps as they can be read: what is done where, and the texts before and after."""

from __future__ import annotations

from collections.abc import Sequence

from agent.show.fields import Body, bodies_of, body_of, count_of, text_of, texts_of
from agent.show.model import StepView, TestView

BINARY = "(not text)"
EDITS = frozenset({"EditLines", "RewriteSymbol", "ReplacePassage", "WriteFile"})


def step_view(body: Body) -> StepView:
    """A step as a journal has it (agent.codec); an operation that this version does not know by its name."""
    operation = body_of(body, "operation")
    title, old, new = _described(operation)
    return StepView(reasoning=text_of(body, "reasoning"), title=title, old=old, new=new)


def tests_of(plan: Sequence[Body]) -> tuple[TestView, ...]:
    """The test nodes that a plan adds."""
    operations = [body_of(step, "operation") for step in plan]
    added = [each for each in operations if each.get("is") == "AddTests"]
    return tuple(_test(test) for each in added for test in bodies_of(each, "tests", 20))


def edits(plan: Sequence[Body]) -> bool:
    """Whether a plan changes code."""
    return any(text_of(body_of(step, "operation"), "is", 40) in EDITS for step in plan)


def _test(body: Body) -> TestView:
    return TestView(
        path=text_of(body, "path", 300),
        verifies=text_of(body, "verifies", 1_000),
        role=text_of(body, "role", 40) or "reproduction",
        content=text_of(body, "content", 8_000),
    )


def _described(body: Body) -> tuple[str, str, str]:
    path = text_of(body, "path", 300)
    match body.get("is"):
        case "WriteOutline":
            return _outline(body_of(body, "outline"))
        case "AddTests":
            tests = bodies_of(body, "tests", 20)
            names = ", ".join(text_of(test, "path", 300) for test in tests)
            return f"add {names}", "", "\n".join(text_of(test, "content", 8_000) for test in tests)
        case "MarkTestWrong":
            return f"mark {path} as wrong: {text_of(body, 'reason')}", "", ""
        case "EditLines":
            first, last = count_of(body, "first"), count_of(body, "last")
            where = f"insert before line {first} of" if last < first else f"edit lines {first} to {last} of"
            return f"{where} {path}", text_of(body, "expected"), text_of(body, "replacement")
        case "RewriteSymbol":
            return f"rewrite {text_of(body, 'symbol', 300)} in {path}", "", text_of(body, "source")
        case "ReplacePassage":
            return f"replace a passage of {path}", text_of(body, "passage"), text_of(body, "replacement")
        case "WriteFile":
            content = body.get("content")
            if content is None:
                return f"delete {path}", "", ""
            return f"write {path}", "", text_of(body_of(body, "content"), "text") or BINARY
        case "RunTests":
            return "run the tests", "", ""
        case str(other):
            return f"{other[:60]} {path}".strip(), "", ""
        case _:
            return "", "", ""


def _outline(body: Body) -> tuple[str, str, str]:
    places = [
        f"{text_of(each, 'path', 300)}:{count_of(each, 'line')} {text_of(each, 'symbol', 200)}".rstrip()
        for each in bodies_of(body, "targets", 20)
    ]
    lines = [text_of(body, "approach"), *places, *texts_of(body, "steps", 20, 1_000)]
    return "outline the solution", "", "\n".join(line for line in lines if line)
