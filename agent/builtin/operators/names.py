"""The wrong variable, or an attribute that is misspelled or not the one that was meant."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.vocabulary import BUILTIN_TYPES, TYPE_NAMES, distance
from agent.localize.failure import FailureKind

NAME = "names"

MISSING = re.compile(
    r"'(?P<owner>\w+)' object has no attribute '(?P<name>\w+)'"
    r"|module '(?P<module>[\w.]+)' has no attribute '(?P<inner>\w+)'"
)
UNKNOWN = re.compile(
    r"name '(?P<name>\w+)' is not defined|local variable '(?P<local>\w+)'|variable '(?P<bound>\w+)'"
)
SUGGESTED = re.compile(r"Did you mean:? '(?P<name>\w+)'")
MOST = 6
BUILTIN_ATTRIBUTES = tuple(
    sorted({name for kind in BUILTIN_TYPES for name in dir(kind) if not name.startswith("_")})
)


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        match node:
            case ast.Attribute(attr=name):
                yield from _attributes(site, node, name)
            case ast.Name(id=name, ctx=ast.Load()):
                yield from _variables(site, node, name)


# --- attributes ---------------------------------------------------------------------------------------------


def _attributes(site: Site, node: ast.Attribute, name: str) -> Iterator[Idea]:
    span = site.file.span(node)
    if span is None or not site.file.text[: span[1]].endswith(name):
        return
    missing = _is_missing(site, name)
    options = _close_attributes(site, name, missing) | _own_attributes(site, node)
    for new, prior in sorted(options.items(), key=lambda item: (-item[1], item[0]))[:MOST]:
        yield site.edited(
            span[1] - len(name),
            span[1],
            new,
            prior,
            f"use the attribute `{new}` instead of `{name}`",
            tag=f".{name} .{new}",
            scope=Scope.FILE if missing else Scope.FUNCTION,
            echo=1.15 if missing else 0.5,
        )


def _is_missing(site: Site, name: str) -> bool:
    """The failure says that this attribute does not exist."""
    return any(
        name in (match["name"], match["inner"])
        for failure in site.hints.failures
        if failure.kind is FailureKind.NO_ATTRIBUTE and (match := MISSING.search(failure.message))
    )


def _close_attributes(site: Site, name: str, missing: bool) -> dict[str, float]:
    """Attributes that differ by a slip of the hand; when this one does not exist, those of its type first."""
    found: dict[str, float] = {}
    near = site.vocabulary.close(name)
    if missing:
        near = near | {
            other: distance(name, other) for other in BUILTIN_ATTRIBUTES if distance(name, other) <= 2
        }
    for other, far in near.items():
        if other != name and far < len(name) / 2:
            found[other] = (0.9 if far == 1 else 0.5) * (1.0 if missing else 0.15)
    for failure in site.hints.failures if missing else ():
        suggested = SUGGESTED.search(failure.message)
        if suggested:
            found[suggested["name"]] = 1.0
        owner = TYPE_NAMES.get((MISSING.search(failure.message) or {"owner": ""})["owner"] or "")
        found |= {
            other: min(1.0, value * 1.1) for other, value in found.items() if owner and hasattr(owner, other)
        }
        found = {
            other: value if not owner or hasattr(owner, other) else value * 0.3
            for other, value in found.items()
        }
    return {
        other: value for other, value in found.items() if not other.startswith("__") or name.startswith("__")
    }


def _own_attributes(site: Site, node: ast.Attribute) -> dict[str, float]:
    """Other attributes of the same object that the function or its class uses, like in use and in name."""
    if not isinstance(node.value, ast.Name):
        return {}
    owner = node.value.id
    scope = site.function.owner if site.function and site.function.owner and owner == "self" else None
    where = ast.walk(scope) if scope else iter(site.own_nodes)
    called = isinstance(site.parent(node), ast.Call) and getattr(site.parent(node), "func", None) is node
    counts: Counter[str] = Counter()
    for other in where:
        match other:
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name == owner and attr != node.attr:
                as_call = (
                    isinstance(site.parent(other), ast.Call)
                    and getattr(site.parent(other), "func", None) is other
                )
                counts[attr] += as_call is called
    return {attr: 0.1 * _likeness(node.attr, attr) for attr, count in sorted(counts.items()) if count}


def _likeness(name: str, other: str) -> float:
    """1 to 3: shared words make two names alike."""
    mine, theirs = set(name.strip("_").split("_")), set(other.strip("_").split("_"))
    shared = len(mine & theirs) / max(len(mine | theirs), 1)
    return 1.0 + shared + (1.0 if distance(name, other) <= 2 else 0.0)


# --- variables ----------------------------------------------------------------------------------------------


def _variables(site: Site, node: ast.Name, name: str) -> Iterator[Idea]:
    local = frozenset(site.locals)
    undefined = any(
        name in match.groups()
        for failure in site.hints.failures
        if failure.kind is FailureKind.NO_NAME and (match := UNKNOWN.search(failure.message))
    )
    if name not in local and not undefined:
        return
    reads = Counter(n.id for n in site.own_nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    asked = _asked_names(site)
    options = {
        other: _variable_prior(name, other, reads[other], other in site.parameters)
        * (1.6 if undefined else 1.0)
        * (1.5 if other in asked and name not in asked else 1.0)
        for other in site.locals
        if other != name
    }
    for new, prior in sorted(options.items(), key=lambda item: (-item[1], item[0]))[:MOST]:
        yield site.replace(
            node, new, prior, f"use `{new}` instead of `{name}`", tag=f"{name} {new}", scope=Scope.STATEMENT,
            echo=0.4,
        )  # fmt: skip


def _asked_names(site: Site) -> frozenset[str]:
    """Names in the condition that decides whether this statement runs."""
    around = next(iter(site.controls()), None)
    test = around.test if isinstance(around, ast.If | ast.While) else None
    return (
        frozenset(node.id for node in ast.walk(test) if isinstance(node, ast.Name)) if test else frozenset()
    )


def _variable_prior(name: str, other: str, reads: int, parameter: bool) -> float:
    prior = 0.2 * _likeness(name, other)
    if reads == 0:  # a value that nothing reads was meant to be read
        prior *= 3.0 if parameter else 2.0
    return min(prior, 1.0)
