"""The table of keys in docs/configuration.md, made from the keys and their rules. Pure.

``python -m bot.config.keys_table`` prints it; a test keeps the page true.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from bot.config import merge
from bot.config.keys import RepoConfig

RULES: Final[Mapping[merge.Rule, str]] = {
    merge._both: "off wins",
    merge._either: "on wins",
    merge._least: "the smaller wins",
    merge._later: "the repository's wins",
    merge._all: "both together",
    merge._own: "within both",
    merge._scope: "what both want",
    merge._push: "direct only if both",
    merge._refused: "polite only if both",
    merge._calmer: "less of the model wins",
}

BOUNDS: Final[Mapping[str, str]] = {
    "label": "LABEL, LABELS: one of them",
    "triggers.label": "TRIGGERS__LABEL",
    "triggers.commands": "TRIGGERS__COMMANDS",
    "triggers.assignment": "TRIGGERS__ASSIGNMENT",
    "triggers.checks": "TRIGGERS__CHECKS",
    "triggers.review": "TRIGGERS__REVIEW",
    "refused": "REFUSED",
    "checks.push": "CHECKS__PUSH",
    "review.limit": "REVIEW__LIMIT",
    "draft": "DRAFT",
    "protected": "PROTECTED",
    "setup": "SETUP_COMMANDS",
    "image": "IMAGE, IMAGES: one of them",
    "driver": "DRIVER",
    "model": "MODEL__NAME, MODELS: one of them",
    "limits.seconds": "LIMITS__SECONDS",
    "limits.memory_mib": "LIMITS__MEMORY_MIB",
    "budget.seconds": "BUDGET__SECONDS",
    "budget.iterations": "BUDGET__ITERATIONS",
    "budget.tokens": "BUDGET__TOKENS",
    "budget.money": "BUDGET__MONEY",
    "budget.day.runs": "DAY__RUNS (of the installation)",
    "budget.day.tokens": "DAY__TOKENS (of the installation)",
    "budget.day.money": "DAY__MONEY (of the installation)",
    "budget.month.runs": "MONTH__RUNS (of the installation)",
    "budget.month.tokens": "MONTH__TOKENS (of the installation)",
    "budget.month.money": "MONTH__MONEY (of the installation)",
}
"""What of the operator's bounds a key; the others are the repository's own matter."""


def keys_table() -> str:
    """Markdown: key, type, default, meaning, both files, the operator's setting."""
    head = "| key | type | default | meaning | organisation and repository | within the operator's |"
    rows = (f"| {' | '.join(row)} |" for row in _rows(RepoConfig, ""))
    return "\n".join((head, "|---|---|---|---|---|---|", *rows)) + "\n"


def names(kind: type[BaseModel] = RepoConfig, prefix: str = "") -> Iterator[str]:
    """Every key, dotted."""
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _rows(kind: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in kind.model_fields.items():
        key = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _rows(field.annotation, f"{key}.")
            continue
        rule = RULES[merge.RULES[kind][name]]
        meaning = field.description or ""
        yield f"`{key}`", _type(field.annotation), _default(field.default), meaning, rule, _bound(key)


def _type(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _type(next(each for each in inner if each is not type(None)))
    if origin is Annotated:
        return _type(inner[0])
    if origin is tuple:
        return f"list of {_type(inner[0])}s"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(each.value for each in kind)
    return {bool: "true, false", str: "text", int: "whole number", float: "number"}[kind]


def _bound(key: str) -> str:
    """The variables without their prefix, and what is said of them."""
    bound = BOUNDS.get(key, "")
    end = min((place for place in (bound.find(":"), bound.find(" (")) if place >= 0), default=len(bound))
    return ", ".join(f"`{name}`" for name in bound[:end].split(", ") if name) + bound[end:]


def _default(value: Any) -> str:
    if value in (None, ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else getattr(value, 'value', value)}`"


if __name__ == "__main__":
    print(keys_table(), end="")
