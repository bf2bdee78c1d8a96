"""What the documents claim and do not claim."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.llm.types import Component
from agent.method import Method
from agent.search.strategies import STRATEGIES
from agent.types import Budget
from bot.bench import humaneval, mbpp, multipl_e
from bot.bench.cli import Search
from tests.docs.checklist import PAGE, ROOT

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
FIGURES = (
    "78.56", "60.87", "84.00", "55.30", "66.96", "65.30", "50.60", "17.69", "12.69", "70.19", "76.25",
    "73.48", "64.18", "45.30",
)  # fmt: skip
"""Of the paper's tables: whoever quotes one may be taken to have measured it."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_figure_of_the_paper_is_ours(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [figure for figure in FIGURES if re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", text)] == []
    assert not re.search(r"state.of.the.art|outperform", text, re.IGNORECASE)


def section(title: str) -> str:
    match = re.search(
        rf"^##+ {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert match is not None
    return match[1]


@pytest.mark.parametrize("name", ["L1", "L2", "L3", "L4", "L5"])
def test_every_limitation_of_the_paper_is_stated(name: str) -> None:
    assert f"({name})" in section("Limits, and what may come")


@pytest.mark.parametrize(
    "matter",
    ["context", "several files", "dependencies", "cost", "time", "security", "flaky", "wrong", "review"],
)
def test_what_is_ours_is_labelled(matter: str) -> None:
    assert matter in section("Ours, not the paper's")


@pytest.mark.parametrize("word", ["iteration", "step", "depth", "Caps", "Strategies"])
def test_what_the_paper_leaves_out_is_defined(word: str) -> None:
    assert word in section("The search")


def test_the_paper_s_hyper_parameters_are_the_defaults() -> None:
    method = Method()
    assert Budget().actions_per_state == 5
    assert {method.temperature_of(component) for component in Component} == {0.2}
    assert (method.top_k, method.max_tokens) == (None, 1024)
    warmer = Method(temperatures=((Component.TEST_DESIGNER, 0.8),))
    assert (warmer.temperature_of(Component.TEST_DESIGNER), warmer.temperature_of(Component.POLICY)) == (
        0.8,
        0.2,
    )


def test_each_component_may_have_a_model_of_its_own() -> None:
    one = Method(models=((Component.POLICY, "small"),))
    assert {one.model_of(component) for component in Component} == {"small"}
    two = Method(models=((Component.POLICY, "small"), (Component.FEEDBACK, "large")))
    assert two.model_of(Component.FEEDBACK) == "large"
    assert {two.model_of(each) for each in Component if each is not Component.FEEDBACK} == {"small"}


def test_iterations_of_the_benchmarks() -> None:
    assert (humaneval.ITERATIONS, mbpp.ITERATIONS, multipl_e.ITERATIONS) == (5, 5, 4)


def test_every_strategy_is_a_switch_of_the_benchmarks() -> None:
    assert sorted(each.strategy for each in Search) == sorted(STRATEGIES)
    assert Search("bfs").strategy == "breadth-first"
