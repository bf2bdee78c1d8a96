"""What the operator allows, and what counts of a repository's wishes under it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from agent.method import Driver
from agent.types import Budget
from bot.config.keys import ChecksPart, ChecksScope, Push, RepoConfig, ReviewPart, TriggersPart
from bot.config.merge import merged, tightest
from bot.config.reading import PATH, Mistake, Mistaken
from sandbox import Limits

Number = TypeVar("Number", int, float)

LOOSEST: Final = RepoConfig(
    triggers=TriggersPart(checks=ChecksScope.ALL),
    checks=ChecksPart(push=Push.DIRECT),
    review=ReviewPart(limit=5),
)
"""An operator who leaves everything to the repositories. Some of it they have to ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """``ceiling`` is what no repository may go beyond, in its own keys. ``labels``, ``models`` and ``images``
    are what it may choose from; ``unpriced`` are the models of them whose cost is not known."""

    ceiling: RepoConfig = LOOSEST
    labels: tuple[str, ...] = ("codeagent",)
    models: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    setup: bool = True  # whether it may name set-up commands
    driver: Driver = Driver.BUILT_IN
    model: str = ""  # what is used when it names none


def settle(terms: Terms, organisation: RepoConfig, repository: RepoConfig) -> RepoConfig:
    """What counts: never looser than the operator's terms, nor than the organisation's defaults.

    A cap or switch beyond them is cut down to them without a word. Raises Mistaken for a choice that is not
    on offer, since something else would be done than what was asked for."""
    wanted = merged(organisation, repository)
    if refused := tuple(_not_on_offer(terms, wanted)):
        raise Mistaken(PATH, refused)
    counts = tightest(terms.ceiling, wanted)
    if not counts.enabled:
        return counts
    return counts.model_copy(update={"driver": _driver(terms, counts)})


def tighten_limits(config: RepoConfig, limits: Limits) -> Limits:
    return replace(
        limits,
        seconds=_least(limits.seconds, config.limits.seconds),
        memory_mib=_least(limits.memory_mib, config.limits.memory_mib),
    )


def tighten_budget(config: RepoConfig, budget: Budget) -> Budget:
    """0 tokens or money is no cap (Budget)."""
    wanted = config.budget
    return replace(
        budget,
        max_seconds=_least(budget.max_seconds, wanted.seconds),
        max_iterations=_least(budget.max_iterations, wanted.iterations),
        max_tokens=_capped(budget.max_tokens, wanted.tokens, least=1),
        max_money=_capped(budget.max_money, wanted.money, least=1e-9),
    )


def _least(operators: Number, repositorys: Number | None) -> Number:
    return operators if repositorys is None else min(operators, repositorys)


def _capped(operators: Number, repositorys: Number | None, *, least: Number) -> Number:
    """``least`` stands for nothing left, since 0 is no cap."""
    if repositorys is None:
        return operators
    wanted = max(repositorys, least)
    return min(operators, wanted) if operators else wanted


def _driver(terms: Terms, wanted: RepoConfig) -> Driver:
    return tightest(RepoConfig(driver=terms.driver), wanted).driver or terms.driver


def _not_on_offer(terms: Terms, wanted: RepoConfig) -> Iterator[Mistake]:
    if wanted.label is not None and wanted.label.casefold() not in map(str.casefold, terms.labels):
        yield _mistake("label", wanted.label, terms.labels, "labels")
    if wanted.model is not None and wanted.model not in terms.models:
        yield _mistake("model", wanted.model, terms.models, "models")
    if wanted.image is not None and wanted.image not in terms.images:
        yield _mistake("image", wanted.image, terms.images, "images")
    if wanted.setup and not terms.setup:
        yield Mistake(line=0, key="setup", message="the operator of this bot allows no set-up commands")
    if _money(wanted) and (wanted.model or terms.model) in terms.unpriced:
        yield Mistake(
            line=0,
            key="budget.money",
            message="the price of the model is not known to this bot, so a cap of money cannot be kept; "
            "remove it, or cap budget.tokens",
        )


def _money(wanted: RepoConfig) -> float | None:
    budget = wanted.budget
    return budget.money or budget.day.money or budget.month.money


def _mistake(key: str, wanted: str, offered: tuple[str, ...], what: str) -> Mistake:
    choice = f"choose one of {', '.join(offered[:20])}" if offered else "remove the key"
    return Mistake(
        line=0,
        key=key,
        message=f"{wanted} is none of the {what} that the operator of this bot allows; {choice}",
    )
