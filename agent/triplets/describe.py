"""A triplet's parts in words and numbered lines, bounded: what a model is given to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

ISSUE = 8_000  # characters
FILE = 6_000
FILES = 24_000
TESTS = 6_000
FAILURES = 4_000
FEEDBACK = 3_000
AROUND = 40  # lines around a place in a file that is too long to be shown whole


def situation(task: dict[str, Any], state: dict[str, Any]) -> str:
    """The issue and a state: code, tests, what fails and why. Line numbers are those that edits address."""
    parts = [
        f"# Issue: {_cut(task['title'], 400)}\n\n{_cut(task['text'], ISSUE)}",
        _titled("Outline", _outline(state["outline"])),
        _titled("Code", "\n\n".join(_files(state))),
        _titled("Tests", "\n\n".join(_tests(state))),
        _titled("Results", "\n".join(_results(state["results"]))),
        _titled("Feedback", _cut("\n".join(f"- {note['text']}" for note in state["feedback"]), FEEDBACK)),
    ]
    return "\n\n".join(part for part in parts if part)


def proposal(action: dict[str, Any]) -> str:
    where = f" at {action['target']}" if action["target"] else ""
    return f"{action['skill']}: {action['summary']}{where}"


def compact(body: object) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _files(state: dict[str, Any]) -> Iterator[str]:
    room = FILES
    for file in state["files"]:
        content = file["content"]
        text = content.get("text") if isinstance(content, dict) else None
        if text is None:
            yield f"## {file['path']} ({'not there' if content is None else 'not shown'})"
            continue
        shown = _numbered(text, _places(state["outline"], file["path"]), min(FILE, room))
        room -= len(shown)
        yield f"## {file['path']}\n{shown}"


def _places(outline: dict[str, Any] | None, path: str) -> list[int]:
    targets = outline.get("targets", []) if outline else []
    return [target["line"] for target in targets if target.get("path") == path]


def _numbered(text: str, places: list[int], limit: int) -> str:
    """Lines with their numbers: all of them, or those around the places that matter."""
    lines = text.split("\n")
    if len(text) > limit:
        wanted = {line for place in places or [1] for line in range(place - AROUND, place + AROUND + 1)}
    else:
        wanted = set(range(1, len(lines) + 1))
    shown = [f"{number:5} {line}" for number, line in enumerate(lines, start=1) if number in wanted]
    return _cut("\n".join(shown), max(0, limit))


def _outline(outline: dict[str, Any] | None) -> str:
    if not outline:
        return ""
    return "\n".join([outline.get("approach", ""), *(f"- {step}" for step in outline.get("steps", []))])


def _tests(state: dict[str, Any]) -> Iterator[str]:
    room = TESTS
    for test in state["tests"]:
        shown = _cut(test["content"], max(0, room))
        room -= len(shown)
        yield f"## {test['path']} ({test['role']}): {test['verifies']}\n{shown}"


def _results(results: dict[str, Any] | None) -> Iterator[str]:
    if results is None:
        return
    for name, report in (("The state's tests", results["generated"]), ("The suite", results["suite"])):
        if report is None:
            continue
        yield f"{name}: {report['passed']} passed, {report['failures']} failed. {report['problem']}".rstrip()
        room = FAILURES
        for case, message in report["failed"].items():
            said = _cut(f"- {case}: {message}\n{report['details'].get(case, '')}".rstrip(), max(0, room))
            room -= len(said)
            if said:
                yield said
    if results["regressions"]:
        yield f"Passed on base and do not now: {', '.join(results['regressions'])}"


def _titled(title: str, text: str) -> str:
    return f"# {title}\n\n{text}" if text.strip() else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…" if limit else ""
