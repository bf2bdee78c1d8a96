"""From rows to figures: means over problems, then mean and standard deviation over runs (G7). Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.bench.exact_match import DEFINITION as EXACT_MATCH
from bot.bench.rows import Label, Row, Setup, Submitted

DEFINITIONS = (
    "PassRatio: of each problem, the share of its hidden test cases that pass on the one submission; mean "
    "over problems.",
    "pass@1: the share of problems of which every hidden test case passes on the one submission.",
    EXACT_MATCH,
    "Valid tests: of the cases of all tests that the run made and measured, the share that passes on the "
    "reference solution; in brackets, of those that gated what was submitted. Killed: of the mutants of what "
    "was proven, the share that its tests notice.",
    "±: standard deviation over the runs (n - 1). Money, tokens, seconds and iterations are means per "
    "problem and run; seconds are those of the search, as its journal counts them.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Of ``count`` runs. ``sd`` None: one run has none."""

    mean: float
    sd: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The rows of one label in one directory, and how they came about. ``expected``: rows when complete."""

    setup: Setup
    label: Label
    rows: tuple[Row, ...]
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """What the n-th iteration brought, on average over the runs that had one (J12)."""

    number: int
    runs: int
    tests: float
    failures: float
    best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    name: str
    models: tuple[str, ...]
    problems: int
    runs: int
    complete: bool
    pass_ratio: Mean
    pass_at_1: Mean
    exact_match: Mean | None
    pooled_pass_ratio: float  # of all hidden cases together, whatever problem they belong to
    tests: int
    valid: float | None
    gating: int
    gating_valid: float | None
    mutants: int
    killed: float | None
    money: float
    tokens: float
    model_calls: float
    seconds: float
    iterations: float
    steps: float
    submitted: tuple[tuple[str, int], ...]
    stops: tuple[tuple[str, int], ...]
    rounds: tuple[Iteration, ...]


def mean_of(values: Sequence[float]) -> Mean:
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Mean(mean=statistics.fmean(values), sd=sd, count=len(values))


def summarize(source: Source) -> Summary:
    """Of at least one row."""
    rows = source.rows
    exact = all(row.exact is not None for row in rows)
    return Summary(
        name=describe(source.setup, source.label),
        models=source.setup.models,
        problems=len({row.problem for row in rows}),
        runs=len({row.run for row in rows}),
        complete=len(rows) == source.expected,
        pass_ratio=_over_runs(rows, lambda row: row.share),
        pass_at_1=_over_runs(rows, lambda row: float(row.solved)),
        exact_match=_over_runs(rows, lambda row: float(bool(row.exact))) if exact else None,
        pooled_pass_ratio=sum(row.passed for row in rows) / sum(row.total for row in rows),
        tests=sum(row.tests for row in rows),
        valid=_share((row.valid, row.tests) for row in rows),
        gating=sum(row.gating for row in rows),
        gating_valid=_share((row.gating_valid, row.gating) for row in rows),
        mutants=sum(row.mutants for row in rows),
        killed=_share((row.killed, row.mutants) for row in rows),
        money=_mean(row.money for row in rows),
        tokens=_mean(row.tokens for row in rows),
        model_calls=_mean(row.model_calls for row in rows),
        seconds=_mean(row.seconds for row in rows),
        iterations=_mean(row.iterations for row in rows),
        steps=_mean(row.steps for row in rows),
        submitted=_counts(row.submitted for row in rows),
        stops=_counts(row.stop for row in rows),
        rounds=_rounds(rows),
    )


def describe(setup: Setup, label: Label) -> str:
    """The configuration in words: what was switched, and every cap that differs from row to row."""
    method, budget = setup.method, setup.budget
    if label is Label.NULL:
        return f"null hypothesis (pipeline) of: {describe(setup, Label.MAIN)}"
    ablated = {
        "no self-feedback": not method.self_feedback,
        "no tests": not method.generated_tests,
        "no planner": not method.planner,
        "no decision": not method.decision,
    }
    off = [name for name, on in ablated.items() if on]
    off += [f"without {skill}" for skill in _skills_off(setup)]
    caps = [f"{budget.max_iterations} iterations"]
    caps += [f"${budget.max_money:g}"] if budget.max_money else []
    caps += [f"{budget.max_tokens:,} tokens"] if budget.max_tokens else []
    chosen = [] if method.driver.value == "pipeline" else [method.search]
    return ", ".join([method.driver.value, *chosen, *caps, f"agreement {method.agreement.value}", *off])


def _skills_off(setup: Setup) -> list[str]:
    every = type(setup.method)().skills
    return [skill for skill in every if skill not in setup.method.skills]


def _over_runs(rows: Sequence[Row], of: Callable[[Row], float]) -> Mean:
    runs = sorted({row.run for row in rows})
    return mean_of([_mean(of(row) for row in rows if row.run == run) for run in runs])


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def _share(pairs: Iterable[tuple[int, int]]) -> float | None:
    good, of = map(sum, zip(*pairs, strict=True))
    return good / of if of else None


def _counts(values: Iterable[str | Submitted]) -> tuple[tuple[str, int], ...]:
    return tuple((str(name), count) for name, count in Counter(values).most_common())


def _rounds(rows: Sequence[Row]) -> tuple[Iteration, ...]:
    longest = max(len(row.rounds) for row in rows)
    found = []
    for index in range(longest):
        there = [row.rounds[index] for row in rows if len(row.rounds) > index]
        found.append(
            Iteration(
                number=index + 1,
                runs=len(there),
                tests=_mean(each.tests for each in there),
                failures=_mean(each.failures for each in there),
                best=_mean(each.best for each in there),
            )
        )
    return tuple(found)
