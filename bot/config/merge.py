"""Two configurations as one: a rule for each key, written out. Pure.

The rules make a caution of one side hold whatever the other one says: off beats on, the smaller cap beats the
larger, a draft beats a pull request that is ready, what one protects is protected, and what a patch may touch
lies within both. Of what is a matter of taste (base, title, test command) the later word counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from agent.method import Driver
from bot.config.keys import (
    BudgetPart,
    ChecksPart,
    ChecksScope,
    LimitsPart,
    PeriodPart,
    Push,
    Refused,
    RepoConfig,
    ReviewPart,
    TriggersPart,
)

Part = TypeVar("Part", bound=BaseModel)
Rule = Callable[[Any, Any], Any]


def merged(organisation: RepoConfig, repository: RepoConfig) -> RepoConfig:
    """The organisation's defaults with the repository's own file over them: the repository can only tighten.
    A key that neither names keeps its default."""
    return _merged(organisation, repository).within((*organisation.bounds, *repository._within))


def tightest(above: RepoConfig, below: RepoConfig) -> RepoConfig:
    """``below`` as far as ``above`` allows it, key by key, whether named or not."""
    return _tightest(above, below).within((*above.bounds, *below._within))


def _merged(upper: Part, lower: Part) -> Part:
    """Rules hold where both sides said something; else that of the one who did."""
    said: dict[str, Any] = {}
    for name, rule in RULES[type(upper)].items():
        above, below = getattr(upper, name), getattr(lower, name)
        if isinstance(above, BaseModel):
            part = _merged(above, below)
            if part.model_fields_set:
                said[name] = part
        elif name in upper.model_fields_set and name in lower.model_fields_set:
            said[name] = rule(above, below)
        elif name in lower.model_fields_set:
            said[name] = below
        elif name in upper.model_fields_set:
            said[name] = above
    return type(upper).model_construct(**said)


def _tightest(above: Part, below: Part) -> Part:
    values: dict[str, Any] = {}
    for name, rule in RULES[type(above)].items():
        upper, lower = getattr(above, name), getattr(below, name)
        values[name] = _tightest(upper, lower) if isinstance(upper, BaseModel) else rule(upper, lower)
    return type(above).model_construct(_fields_set=set(values), **values)


# --- Rules: (the organisation's or the operator's, the repository's) ----------------------------------------


def _both(upper: bool, lower: bool) -> bool:
    return upper and lower


def _either(upper: bool, lower: bool) -> bool:
    return upper or lower


def _least(upper: Any, lower: Any) -> Any:
    """None is no cap."""
    return lower if upper is None else upper if lower is None else min(upper, lower)


def _later(upper: Any, lower: Any) -> Any:
    """A matter of taste: the repository's word, if it has one."""
    return upper if lower in (None, ()) else lower


def _all(upper: Iterable[str], lower: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*upper, *lower)))


def _own(_upper: Any, lower: Any) -> Any:
    """Globs that bound a patch are not mixed: RepoConfig.bounds keeps those of each side."""
    return lower


def _scope(upper: ChecksScope, lower: ChecksScope) -> ChecksScope:
    match upper.default_branch and lower.default_branch, upper.pull_requests and lower.pull_requests:
        case True, True:
            return ChecksScope.ALL
        case True, False:
            return ChecksScope.DEFAULT_BRANCH
        case False, True:
            return ChecksScope.PULL_REQUESTS
        case _:
            return ChecksScope.OFF


def _push(upper: Push, lower: Push) -> Push:
    return Push.DIRECT if upper is lower is Push.DIRECT else Push.PULL_REQUEST


def _refused(upper: Refused, lower: Refused) -> Refused:
    return Refused.POLITE if upper is lower is Refused.POLITE else Refused.SILENT


def _calmer(upper: Driver | None, lower: Driver | None) -> Driver | None:
    if upper is None or lower is None:
        return upper or lower
    return lower if THIRST[lower] <= THIRST[upper] else upper


THIRST: Final[Mapping[Driver, int]] = {
    Driver.BUILT_IN: 0,
    Driver.ESCALATE: 1,
    Driver.MODEL: 2,
    Driver.PIPELINE: 2,
}
"""How much of a model each driver uses: nothing, when the built-in policy is stuck, from the start."""

_INNER: Final[Rule] = _later  # never called: groups are gone through key by key

RULES: Final[Mapping[type[BaseModel], Mapping[str, Rule]]] = {
    RepoConfig: {
        "enabled": _both,
        "label": _later,
        "triggers": _INNER,
        "refused": _refused,
        "checks": _INNER,
        "review": _INNER,
        "base": _later,
        "draft": _either,
        "labels": _all,
        "reviewers": _all,
        "title": _later,
        "body": _later,
        "language": _later,
        "allowed": _own,
        "protected": _all,
        "test_command": _later,
        "setup": _later,
        "image": _later,
        "python": _later,
        "driver": _calmer,
        "model": _later,
        "limits": _INNER,
        "budget": _INNER,
    },
    TriggersPart: {
        "label": _both,
        "commands": _both,
        "assignment": _both,
        "checks": _scope,
        "review": _both,
    },
    ChecksPart: {"push": _push},
    ReviewPart: {"limit": _least},
    LimitsPart: {"seconds": _least, "memory_mib": _least},
    BudgetPart: {
        "seconds": _least,
        "iterations": _least,
        "tokens": _least,
        "money": _least,
        "day": _INNER,
        "month": _INNER,
    },
    PeriodPart: {"runs": _least, "tokens": _least, "money": _least},
}
"""What is done with each key when both sides have a word. A test sees that no key is missing."""
