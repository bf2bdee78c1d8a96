"""Read what the runners inside wrote (``inside/codeagent_record.py``). Nothing in it is trusted.

A test runs in the same process as the runner, so a hostile repository can write any report that it likes:
about itself only. What this module guards is the host: sizes, shapes, characters. What it notices are
contradictions: a case that is reported twice, a run that stopped in the middle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import Completed
from sandbox.suites.types import CaseResult, Coverage, SuiteReport, Verdict

REPORT = ".codeagent/report.jsonl"
COVERAGE = ".codeagent/coverage.json"

MAX_CASES = 200_000
MAX_ID = 4000
MAX_MESSAGE = 1000
MAX_DETAILS = 20_000
MAX_OUTPUT = 20_000
_MAX_COVERED = 50_000_000  # bits in the sets of a coverage report, together
_WORST_FIRST = (Verdict.ERROR, Verdict.FAILED, Verdict.SKIPPED, Verdict.PASSED)


@dataclass(slots=True, kw_only=True)
class Records:
    """One report, gathered line by line."""

    cases: dict[str, CaseResult] = field(default_factory=dict)
    running: str = ""
    running_since: float = 0.0  # from the start of the run
    uncollected: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    collected: int | None = None
    twice: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    finished: bool = False

    def take(self, values: Mapping[str, Any]) -> None:
        match values.get("kind"):
            case "start":
                self.running = text(values.get("id"), MAX_ID)
                self.running_since = _seconds(values.get("at"))
            case "case":
                self.running = ""
                self._case(_case(values))
            case "collect":
                case = _case({**values, "verdict": "error"})
                self.uncollected.append(case.id)
                self._case(case)
            case "collected":
                count = values.get("count")
                self.collected = count if isinstance(count, int) else None
                missing = values.get("missing")
                self.missing = [text(each, MAX_ID) for each in missing] if isinstance(missing, list) else []
            case "remark":
                self.remarks.append(text(values.get("text"), MAX_MESSAGE))
            case "finish":
                self.finished = True
            case _:
                pass

    def _case(self, case: CaseResult) -> None:
        before = self.cases.get(case.id)
        if before is not None:
            self.twice.append(case.id)
            case = min(before, case, key=lambda each: _WORST_FIRST.index(each.verdict))
        if len(self.cases) < MAX_CASES:
            self.cases[case.id] = case


def read_records(completed: Completed) -> Records | None:
    """None when the runner left no report, or never got as far as to know its cases."""
    data = completed.collected.get(REPORT)
    if data is None:
        return None
    records = Records()
    for values in _lines(data):
        records.take(values)
    return records if records.collected is not None or records.cases or records.finished else None


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue  # cut by a kill in the middle, or somebody else's writing
        if isinstance(values, dict):
            yield values


def _case(values: Mapping[str, Any]) -> CaseResult:
    verdict = values.get("verdict")
    return CaseResult(
        id=text(values.get("id"), MAX_ID),
        verdict=next((each for each in Verdict if each.value == verdict), Verdict.ERROR),
        seconds=_seconds(values.get("seconds")),
        message=text(values.get("message"), MAX_MESSAGE),
        details=text(values.get("details"), MAX_DETAILS),
    )


def _seconds(value: object) -> float:
    """Of a day at most: a number too large to be one has no meaning here."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= 86_400 else 0.0


def text(value: object, limit: int) -> str:
    """A string that any encoder takes: lone surrogates and control characters are written out."""
    if not isinstance(value, str):
        return ""
    return plain(value[:limit])


def plain(value: str) -> str:
    value = value.encode("utf-8", "backslashreplace").decode()
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", value)


def output_of(completed: Completed) -> str:
    """The tail of what the runner printed, without colours."""
    printed = b"\n".join(part for part in (completed.stdout, completed.stderr) if part)[-4 * MAX_OUTPUT :]
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", printed.decode("utf-8", "replace"))
    return plain(shown.replace("\r\n", "\n").replace("\r", "\n")).strip()[-MAX_OUTPUT:]


def report_of(completed: Completed, records: Records, runner: str) -> SuiteReport:
    """The report of a run, also of one that was stopped: the case that ran then counts as an error."""
    cases = dict(records.cases)
    ended = _how_it_ended(completed)
    if records.running and not records.finished and records.running not in cases:
        message = f"the run ended in this test: {ended}"
        lasted = max(0.0, completed.seconds - records.running_since)
        cases[records.running] = CaseResult(
            id=records.running, verdict=Verdict.ERROR, seconds=lasted, message=message
        )
    return SuiteReport(
        cases=tuple(cases.values()),
        problem=_problem(completed, records, runner, ended),
        output=output_of(completed),
        seconds=completed.seconds,
    )


def _problem(completed: Completed, records: Records, runner: str, ended: str) -> str:
    if not records.finished or completed.stopped_by is not None:
        place = f" in {records.running}" if records.running else ""
        of = f" after {len(records.cases)} of {records.collected} cases" if records.collected else ""
        return f"{ended}{place}{of}"
    if records.twice:
        return f"reported more than once: {_some(records.twice)}"
    if records.uncollected:
        return f"could not be collected: {_some(records.uncollected)}"
    if records.missing:
        return f"not found: {_some(records.missing)}"
    if not records.cases:
        return f"no test was run: {runner} ended with status {completed.exit_status}"
    return ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _how_it_ended(completed: Completed) -> str:
    if completed.stopped_by is not None:
        return f"stopped by the {completed.stopped_by} limit"
    status = completed.exit_status
    if status is not None and status < 0:
        return f"killed by signal {-status}"
    return f"the runner's process ended with status {status}"


def unreported(completed: Completed, runner: str) -> SuiteReport:
    """No report at all: the runner did not start, or was told not to."""
    output = output_of(completed)
    errors = [
        line for line in output.splitlines() if re.match(r"ERROR\b|E\s{2}|\w+Error\b|.*: error: ", line)
    ]
    why = "".join(f": {line[:200]}" for line in dict.fromkeys((*errors[:1], *errors[-1:])))
    return SuiteReport(
        problem=f"{runner} left no report: {_how_it_ended(completed)}{why}",
        output=output,
        seconds=completed.seconds,
    )


def coverage_of(completed: Completed) -> Coverage:
    """Lines by case. A report that is not of the shape that it must have covers nothing."""
    try:
        values = json.loads(completed.collected.get(COVERAGE, b"{}"))
        cases = [text(each, MAX_ID) for each in values["cases"]][:MAX_CASES]
        sets = _sets(values["sets"], cases)
        files = {
            text(path, MAX_ID): {
                line: sets[index] for line, index in zip(flat[::2], flat[1::2], strict=True) if line > 0
            }
            for path, flat in sorted(values["files"].items())
        }
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return Coverage()
    return Coverage(lines=files)


def _sets(values: list[str], cases: list[str]) -> list[frozenset[str]]:
    budget = _MAX_COVERED
    sets = []
    for each in values:
        bitmap = int(each, 16)
        budget -= bitmap.bit_length()
        if bitmap < 0 or bitmap.bit_length() > len(cases) or budget < 0:
            raise ValueError("a set of cases beyond what was reported")
        digits = f"{bitmap:b}"[::-1]
        sets.append(frozenset(cases[found.start()] for found in re.finditer("1", digits)))
    return sets
