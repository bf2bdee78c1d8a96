"""What is written can be read: Python, TOML and JSON files parse, as far as they did before."""

from __future__ import annotations

import ast
import json
import tomllib
import warnings
from collections.abc import Callable

from agent.gates.evidence import Evidence, listed, passed, refused
from agent.protocols import SourceTree
from agent.types import FileChange, GateResult

NAME = "parses"


def check(evidence: Evidence) -> GateResult:
    faults = [fault for change in evidence.changes if (fault := _fault(change, evidence.source))]
    if faults:
        return refused(NAME, listed(faults))
    return passed(NAME, f"{len(evidence.changes)} changed files parse")


def _fault(change: FileChange, source: SourceTree) -> str:
    parse = next((parse for suffix, parse in PARSERS.items() if change.path.endswith(suffix)), None)
    if change.content is None or parse is None:
        return ""
    error = parse(change.content)
    if not error:
        return ""
    old = source.read(change.path)
    if old is not None and parse(old):
        return ""  # it did not parse before either: a template, or the syntax of another version
    return f"{change.path}: {error}"


def _python(content: bytes) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in a stranger's file are not our warnings
            ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return ""


def _toml(content: bytes) -> str:
    try:
        tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return str(error)[:200]
    return ""


def _json(content: bytes) -> str:
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        return str(error)[:200]
    return ""


PARSERS: dict[str, Callable[[bytes], str]] = {".py": _python, ".pyi": _python, ".toml": _toml, ".json": _json}
