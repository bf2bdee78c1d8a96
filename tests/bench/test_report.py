"""From rows to figures, table and plots."""

from __future__ import annotations

import json
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.types import Component
from agent.method import Driver, Method
from agent.types import Budget
from bot.bench.metrics import Mean, Source, describe, mean_of, summarize
from bot.bench.report import FILES, gather, markdown, write_report
from bot.bench.rows import Label, Round, Row, Setup, Submitted, settle, write_row
from bot.bench.svg import Bar, bars, curves
from bot.errors import ConfigError

SETUP = Setup(
    benchmark="humaneval",
    language="python",
    data="digest",
    method=Method(
        driver=Driver.MODEL,
        models=((Component.POLICY, "own-1"), (Component.FEEDBACK, "own-2")),
        self_feedback=False,
        skills=("implementer", "debugger", "test designer"),
    ),
    budget=Budget(max_iterations=5, max_money=0.5),
    seed=7,
    sample=2,
)


def row(problem: str, run: int, passed: int, total: int = 4, **changed: Any) -> Row:
    facts: dict[str, Any] = {
        "label": Label.MAIN,
        "stop": "solved" if passed == total else "iteration cap",
        "submitted": Submitted.PROVEN,
        "exact": passed == total,
        "iterations": 3,
        "steps": 9,
        "sandbox_runs": 20,
        "model_calls": 5,
        "tokens": 1000 * run,
        "cached_tokens": 0,
        "money": 0.01,
        "seconds": 2.0,
        "model_seconds": 1.0,
        "tests": 3,
        "valid": 2,
        "gating": 2,
        "gating_valid": 2,
        "rounds": (Round(tests=1, failures=2, best=0.0), Round(tests=0, failures=0, best=1.0)),
    }
    return Row(problem=problem, run=run, passed=passed, total=total, **{**facts, **changed})


ROWS = (row("A", 1, 4), row("B", 1, 2), row("A", 2, 4), row("B", 2, 4, exact=False))


def source(rows: Sequence[Row] = ROWS, **changed: Any) -> Source:
    return Source(**{"setup": SETUP, "label": Label.MAIN, "rows": tuple(rows), "expected": 4, **changed})


def test_three_columns_mean_and_deviation_over_runs() -> None:
    """H2, H3, H4, G7: per run the mean over problems, then mean and deviation of the runs."""
    summary = summarize(source())
    assert summary.pass_ratio == Mean(mean=0.875, sd=statistics.stdev([0.75, 1.0]), count=2)
    assert summary.pass_at_1 == Mean(mean=0.75, sd=statistics.stdev([0.5, 1.0]), count=2)
    assert summary.exact_match == Mean(mean=0.5, sd=0.0, count=2)
    assert summary.pooled_pass_ratio == 14 / 16
    assert (summary.valid, summary.gating_valid, summary.tests) == (8 / 12, 1.0, 12)  # A9
    assert (summary.tokens, summary.money, summary.complete) == (1500, 0.01, True)
    assert dict(summary.stops) == {"solved": 3, "iteration cap": 1}
    assert [(each.tests, each.failures, each.best) for each in summary.rounds] == [(1, 2, 0), (0, 0, 1)]


def test_problems_of_different_size_weigh_alike_in_pass_ratio() -> None:
    summary = summarize(source([row("A", 1, 1, 1), row("B", 1, 0, 9)], expected=2))
    assert summary.pass_ratio.mean == 0.5
    assert summary.pooled_pass_ratio == 0.1
    assert summary.pass_ratio.sd is None  # one run has no deviation


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_mean_of(values: list[float]) -> None:
    found = mean_of(values)
    assert min(values) <= found.mean + 1e-9
    assert found.mean <= max(values) + 1e-9
    assert found.sd is not None
    assert found.sd >= 0


def test_a_setup_says_every_switch() -> None:
    said = describe(SETUP, Label.MAIN)
    for part in (
        "model",
        "hybrid depth-first",
        "5 iterations",
        "$0.5",
        "no self-feedback",
        "without architect",
    ):
        assert part in said
    assert "pipeline" in describe(SETUP, Label.NULL)


def test_the_table_names_models_definitions_and_what_is_missing() -> None:
    """G6."""
    text = markdown(SETUP, [summarize(source(expected=10))])
    assert "humaneval, python, a sample of 2 by seed 7" in text
    assert "| 87.50 ± 17.68 | 75.00 ± 35.36 | 50.00 ± 0.00 |" in text
    for part in (
        "policy: own-1, feedback: own-2",
        "ExactMatch: ",
        "Not complete",
        "66.7% of 12 (100.0% of 8)",
    ):
        assert part in text
    stopped = markdown(SETUP, [summarize(source([row("A", 1, 0, stop="model unusable")], expected=1))])
    assert "1 runs of model" in stopped
    assert "no reference" in markdown(SETUP, [summarize(source([row("A", 1, 1, exact=None)]))])


def test_a_report_is_gathered_from_rows_on_disk(tmp_path: Path) -> None:
    settle(tmp_path, SETUP)
    for each in (*ROWS, *(row("AB"[n], 1, n, label=Label.NULL) for n in (0, 1))):
        place = tmp_path / each.label.name.lower() / f"run-{each.run}" / each.problem
        place.mkdir(parents=True)
        write_row(place, each)
    sources = gather(tmp_path)
    assert [len(each.rows) for each in sources] == [4, 2]
    text = write_report(tmp_path / "report", sources)
    assert "null hypothesis" in text
    files = {name: (tmp_path / "report" / name).read_text() for name in FILES}
    assert files["report.md"] == text
    assert len(json.loads(files["report.json"])["rows"]) == 2
    for name in ("scores.svg", "cost.svg"):
        ET.fromstring(files[name])


def test_results_of_different_problems_do_not_stand_side_by_side(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="different problems"):
        write_report(tmp_path, [source(), source(ROWS[:1])])


def test_what_holds_no_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no results"):
        gather(tmp_path)
    settle(tmp_path, SETUP)
    with pytest.raises(ConfigError, match="no finished run"):
        gather(tmp_path)


@pytest.mark.parametrize("names", [[], ["one"], ["<&>", "b", "c", "d", "e", "f", "g", "h", "i", "j"]])
def test_plots_are_svg(names: list[str]) -> None:
    series = [(name, [Bar(value=0.5, spread=0.7), None]) for name in names]
    ET.fromstring(bars("t & t", ("a", "b"), series))
    ET.fromstring(curves("t", "x", [(name, [3.0, 1.0, 0.0]) for name in names], [4] * len(names)))
    ET.fromstring(curves("t", "x", [(name, []) for name in names], [0] * len(names)))
