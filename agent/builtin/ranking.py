"""How promising a repair is: place, kind of failure, operator, what the values and the issue suggest, size.

All in logarithms, so that a score is a sum of reasons; it is the paper's logit score (C2). The numbers are
judgement, adjusted by measuring how many test runs a fix takes on real bugs (docs/benchmarks.md).
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping

from agent.builtin.hints import Hints
from agent.builtin.operators.base import Idea, Site
from agent.localize.failure import Failure, FailureKind

PLACE = 1.6  # weight of the suspicion
CHANGE_FITS, CHANGE_UNFIT = 1.4, -0.4
ELSEWHERE = 0.35  # a crash says little about functions that it did not go through
NAME = re.compile(r"[A-Za-z_]\w+")

USUAL: dict[str, float] = {
    "comparison": 1.0,
    "arithmetic": 0.7,
    "boundary": 0.7,
    "names": 0.5,
    "arguments": 0.6,
    "guards": 0.5,
    "conditions": 0.5,
    "truthiness": 0.7,
    "negation": 0.5,
    "constants": 0.6,
    "returns": 0.4,
    "exceptions": 0.25,
    "calls": 0.5,
    "slices": 0.5,
    "strings": 0.5,
    "clamps": 0.3,
    "defaults": 0.4,
    "statements": 0.35,
}

DRASTIC: dict[str, float] = {
    "negation": 1.0,
    "arithmetic": 1.0,
    "statements": 1.0,
    "comparison": 1.0,
    "constants": 0.8,
    "slices": 0.8,
    "names": 0.8,
    "returns": 0.8,
    "boundary": 0.7,
    "defaults": 0.5,
    "arguments": 0.5,
    "strings": 0.4,
    "calls": 0.3,
    "conditions": 0.3,
    "clamps": 0.2,
    "truthiness": 0.1,
}
"""How much of what passes now a change of this family is likely to break: it alters most results.
Guards and except clauses answer what was not answered before."""

BOUNDARIES = frozenset({"< <=", "<= <", "> >=", ">= >"})
MOST_BROKEN = 1.5
ENDLESS = 0.7

GIVEN: dict[FailureKind, Mapping[str, float]] = {
    FailureKind.NONE_USED: {
        "guards": 1.6, "conditions": 1.4, "truthiness": 0.8, "returns": 0.6, "names": 0.6,
    },
    FailureKind.NO_ATTRIBUTE: {
        "names": 2.2, "guards": 1.8, "conditions": 0.9, "calls": 0.7, "exceptions": 0.5,
    },
    FailureKind.NO_NAME: {"names": 2.5, "statements": 0.8},
    FailureKind.ARGUMENTS: {"arguments": 2.2, "calls": 0.8, "defaults": 0.8},
    FailureKind.TYPE: {"guards": 1.1, "calls": 1.2, "arguments": 0.9, "conditions": 0.9, "exceptions": 0.7},
    FailureKind.ZERO_DIVISION: {"guards": 1.8, "conditions": 1.3, "clamps": 1.0, "exceptions": 0.7},
    FailureKind.INDEX: {
        "guards": 1.8, "conditions": 1.4, "boundary": 1.3, "slices": 1.0, "comparison": 1.0,
        "exceptions": 0.6, "calls": 0.4,
    },
    FailureKind.KEY: {
        "slices": 1.6, "conditions": 1.2, "exceptions": 1.0, "guards": 0.9, "constants": 0.9, "names": 0.7,
    },
    FailureKind.STOP: {"exceptions": 1.4, "guards": 1.4, "calls": 0.7},
    FailureKind.UNPACK: {
        "exceptions": 0.9, "guards": 0.9, "strings": 1.2, "slices": 0.8, "conditions": 0.9,
    },
    FailureKind.CONVERSION: {
        "exceptions": 1.9, "conditions": 1.7, "guards": 1.0, "strings": 0.6, "calls": 0.6,
    },
    FailureKind.RECURSION: {
        "guards": 1.6, "conditions": 1.2, "comparison": 1.0, "names": 0.7, "calls": 0.7,
    },
    FailureKind.RAISED: {
        "conditions": 1.3, "comparison": 1.2, "exceptions": 1.1, "truthiness": 1.0, "negation": 0.8,
        "guards": 0.8, "constants": 0.7,
    },
    FailureKind.NOT_RAISED: {
        "comparison": 1.8, "guards": 1.4, "conditions": 1.2, "statements": 1.1, "boundary": 0.8,
        "exceptions": 0.6, "negation": 0.8, "truthiness": 0.8,
    },
    FailureKind.WRONG_BOOL: {
        "comparison": 1.4, "conditions": 1.0, "negation": 1.0, "guards": 1.1, "returns": 0.8,
        "truthiness": 0.9, "calls": 0.6,
    },
    FailureKind.WRONG_NUMBER: {
        "names": 0.7, "arithmetic": 1.3, "boundary": 1.2, "comparison": 1.1, "constants": 1.1,
        "truthiness": 1.0, "guards": 0.6, "clamps": 0.6,
    },
    FailureKind.WRONG_TEXT: {
        "names": 0.7, "strings": 1.2, "constants": 1.0, "calls": 1.0, "conditions": 0.8, "slices": 0.8,
    },
    FailureKind.WRONG_COLLECTION: {
        "names": 0.7, "calls": 1.1, "slices": 0.9, "boundary": 0.9, "comparison": 0.9, "guards": 0.7,
        "statements": 0.5,
    },
    FailureKind.WRONG_NONE: {
        "returns": 1.6, "guards": 1.1, "truthiness": 1.1, "conditions": 0.8, "defaults": 0.6,
    },
    FailureKind.WRONG_VALUE: {},
    FailureKind.UNKNOWN: {},
}  # fmt: skip


def family_weight(family: str, site: Site, failures: tuple[Failure, ...]) -> float:
    """The family's prior given the kinds of failure, those that this place has to do with first."""
    usual = USUAL[family]
    weights = [
        GIVEN[failure.kind].get(family, usual * (0.5 if failure.crashed else 1.0)) * _relevance(site, failure)
        for failure in failures
    ]
    return max(weights, default=usual)


def _relevance(site: Site, failure: Failure) -> float:
    return 1.0 if not failure.crashed or failure in site.path_failures else ELSEWHERE


def score(idea: Idea, family: str, site: Site, suspicion: float) -> float:
    weight = family_weight(family, site, site.hints.failures)
    return (
        PLACE * math.log(max(suspicion, 1e-3))
        + math.log(max(weight * idea.prior, 1e-6))
        + _change(idea, site.hints)
        + _shared_names(idea, site)
        + _raising(family, site)
        - _breakage(idea, family, site)
        - _endless(family, site)
        - _size(idea)
    )


def _change(idea: Idea, hints: Hints) -> float:
    """Whether the expected value follows from the actual one in the way that this edit would change it."""
    if not idea.change or not hints.changes:
        return 0.0
    return CHANGE_FITS * hints.changes[idea.change] if idea.change in hints.changes else CHANGE_UNFIT


def _shared_names(idea: Idea, site: Site) -> float:
    """New names that the issue uses too."""
    new = {name for edit in idea.edits for name in NAME.findall(edit.text)}
    old = {name for edit in idea.edits for name in NAME.findall(site.file.text[edit.start : edit.end])}
    shared = (new - old) & set(site.hints.issue.identifiers)
    return 0.3 if shared else 0.0


def _raising(family: str, site: Site) -> float:
    """A check that ought to have raised, or ought not to have: its condition is what is wrong."""
    if family not in ("comparison", "conditions", "truthiness", "negation", "boundary", "constants"):
        return 0.0
    asked = site.hints.expects(FailureKind.NOT_RAISED, FailureKind.RAISED)
    return 0.8 if asked and site.guards_raise else 0.0


def _breakage(idea: Idea, family: str, site: Site) -> float:
    """Tests that execute the line and pass speak against a change that alters most results."""
    share = 0.1 if idea.tag in BOUNDARIES else DRASTIC.get(family, 0.0)
    return share * min(0.35 * math.log(1 + site.passing), MOST_BROKEN)


def _endless(family: str, site: Site) -> float:
    """A while loop that never ends costs a whole time limit."""
    loops = isinstance(site.block, ast.While) or (
        family == "statements" and any(isinstance(node, ast.While) for node in site.controls())
    )
    return ENDLESS if loops and DRASTIC.get(family, 0.0) >= 0.8 else 0.0


def _size(idea: Idea) -> float:
    lines = sum(edit.text.count("\n") for edit in idea.edits)
    length = sum(len(edit.text) for edit in idea.edits)
    return 0.05 * lines + 0.003 * min(length, 300)
