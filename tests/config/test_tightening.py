"""Never looser than the operator's, nor than the organisation's: for every key and any configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.method import Driver
from agent.types import Budget
from bot.config.keys import ChecksScope, Push, Refused, RepoConfig, TriggersPart
from bot.config.merge import RULES, THIRST, merged, tightest
from bot.config.terms import Terms, settle, tighten_budget, tighten_limits
from bot.errors import ConfigError
from sandbox import Limits
from tests.config.strategies import CONFIGS

PATHS = ("src/a.py", "docs/a.md", "a/b.py", "x")
UNBOUND = float("inf")


def test_every_key_has_a_rule() -> None:
    for kind, rules in RULES.items():
        assert list(rules) == list(kind.model_fields)
    groups = {kind for kind in RULES if kind is not RepoConfig}
    inner = {
        field.annotation
        for kind in RULES
        for field in kind.model_fields.values()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    assert groups == inner


def freedom(config: RepoConfig) -> dict[str, Any]:
    """What a configuration lets the bot do, each as something that can be compared: more is more freedom."""
    triggers, budget = config.triggers, config.budget

    def cap(value: float | None) -> float:
        return UNBOUND if value is None else value

    return {
        "enabled": config.enabled,
        "label": triggers.label,
        "commands": triggers.commands,
        "assignment": triggers.assignment,
        "review": triggers.review,
        "checks of the default branch": triggers.checks.default_branch,
        "checks of pull requests": triggers.checks.pull_requests,
        "answers": config.refused is Refused.POLITE,
        "push": config.checks.push is Push.DIRECT,
        "rounds": cap(config.review.limit),
        "ready": not config.draft,
        "driver": THIRST[config.driver] if config.driver else 2,
        "seconds of a command": cap(config.limits.seconds),
        "memory": cap(config.limits.memory_mib),
        **{name: cap(getattr(budget, name)) for name in ("seconds", "iterations", "tokens", "money")},
        **{f"day {name}": cap(getattr(budget.day, name)) for name in ("runs", "tokens", "money")},
        **{f"month {name}": cap(getattr(budget.month, name)) for name in ("runs", "tokens", "money")},
        **{f"touch {path}": config.may_touch(path) for path in PATHS},
    }


def said(config: RepoConfig) -> RepoConfig:
    """With the freedom of whoever says nothing in the two keys that have to be asked for."""
    push = "push" in config.checks.model_fields_set
    scope = "checks" in config.triggers.model_fields_set
    checks = config.checks if push else config.checks.model_copy(update={"push": Push.DIRECT})
    triggers = config.triggers if scope else config.triggers.model_copy(update={"checks": ChecksScope.ALL})
    return config.model_copy(update={"checks": checks, "triggers": triggers})


def not_looser(result: RepoConfig, bound: RepoConfig) -> None:
    allowed = freedom(bound)
    assert {name: value for name, value in freedom(result).items() if value > allowed[name]} == {}


@given(CONFIGS, CONFIGS)
def test_under_the_operator(operator: RepoConfig, repository: RepoConfig) -> None:
    result = tightest(operator, repository)
    not_looser(result, operator)
    not_looser(result, repository)


@given(CONFIGS, CONFIGS)
def test_under_the_organisation(organisation: RepoConfig, repository: RepoConfig) -> None:
    result = merged(organisation, repository)
    not_looser(result, said(organisation))
    not_looser(result, said(repository))


@given(CONFIGS, CONFIGS, CONFIGS)
def test_what_counts_is_within_both(operator: RepoConfig, above: RepoConfig, own: RepoConfig) -> None:
    terms = Terms(
        ceiling=operator,
        labels=("codeagent", "fix"),
        models=("small", "large"),
        images=("base", "other"),
        driver=Driver.ESCALATE,
    )
    result = settle(terms, above, own)
    not_looser(result, operator)
    not_looser(result, said(above))
    if result.enabled:
        assert result.driver is not None
        assert THIRST[result.driver] <= THIRST[terms.driver]


@given(CONFIGS)
def test_without_a_word_of_one_side_the_other_counts(config: RepoConfig) -> None:
    assert freedom(merged(RepoConfig(), config)) == freedom(config)
    assert freedom(merged(config, RepoConfig())) == freedom(config)
    assert merged(RepoConfig(), RepoConfig()) == RepoConfig()
    assert freedom(tightest(config, config)) == freedom(config)


CAPS = st.one_of(st.just(0), st.integers(1, 10**6))


@given(CONFIGS, st.floats(1, 1e6), st.integers(1, 1000), CAPS, st.one_of(st.just(0.0), st.floats(0.01, 1e6)))
def test_caps_of_a_run(
    config: RepoConfig, seconds: float, iterations: int, tokens: int, money: float
) -> None:
    theirs = Budget(max_seconds=seconds, max_iterations=iterations, max_tokens=tokens, max_money=money)
    ours = tighten_budget(config, theirs)
    assert ours.max_seconds <= seconds
    assert ours.max_iterations <= iterations
    for cap, operators, wanted in (
        (ours.max_tokens, tokens, config.budget.tokens),
        (ours.max_money, money, config.budget.money),
    ):
        bounds = [each for each in (operators, wanted) if each]
        assert cap == (min(bounds) if bounds else 0)  # 0 is no cap, and not the smallest one


@given(CONFIGS, st.floats(1, 1e6), st.integers(64, 10**6))
def test_caps_of_a_command(config: RepoConfig, seconds: float, memory: int) -> None:
    ours = tighten_limits(config, Limits(seconds=seconds, memory_mib=memory))
    assert ours.seconds <= seconds
    assert ours.memory_mib <= memory


NOTHING_ASKED = RepoConfig()


def test_checks_and_direct_pushes_have_to_be_asked_for() -> None:
    quiet = settle(Terms(), NOTHING_ASKED, NOTHING_ASKED)
    assert (quiet.triggers.checks, quiet.checks.push) == (ChecksScope.OFF, Push.PULL_REQUEST)
    asked = RepoConfig(triggers=TriggersPart(checks=ChecksScope.ALL))
    assert settle(Terms(), NOTHING_ASKED, asked).triggers.checks is ChecksScope.ALL
    assert settle(Terms(), asked, NOTHING_ASKED).triggers.checks is ChecksScope.ALL


Wanted = Callable[[], RepoConfig]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (RepoConfig(label="other"), "label: other is none of the labels"),
        (RepoConfig(model="gpt-x"), "choose one of small"),
        (RepoConfig(image="evil"), "image: evil is none of the images that the operator of this bot allows"),
        (RepoConfig(setup=("make",)), "setup: the operator of this bot allows no set-up commands"),
        (RepoConfig.model_validate({"budget": {"money": 1}}), "remove it, or cap budget.tokens"),
        (RepoConfig.model_validate({"budget": {"day": {"money": 1}}}), "a cap of money cannot be kept"),
    ],
)
def test_a_choice_that_is_not_on_offer_is_named(wanted: RepoConfig, said: str) -> None:
    terms = Terms(models=("small",), model="small", unpriced=("small",), setup=False)
    with pytest.raises(ConfigError, match=said):
        settle(terms, NOTHING_ASKED, wanted)
    with pytest.raises(ConfigError, match=said):
        settle(terms, wanted, NOTHING_ASKED)
