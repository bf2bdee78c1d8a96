"""Families of repair operators: adding one is one new file and one line here."""

from __future__ import annotations

from agent.builtin.operators import (
    arguments,
    arithmetic,
    boundary,
    calls,
    clamps,
    comparison,
    conditions,
    constants,
    defaults,
    exceptions,
    guards,
    names,
    negation,
    returns,
    slices,
    statements,
    strings,
    truthiness,
)
from agent.builtin.operators.base import Edit, Family, Idea, Scope, Site

__all__ = ["FAMILIES", "Edit", "Family", "Idea", "Scope", "Site"]

FAMILIES: tuple[Family, ...] = (
    comparison,
    arithmetic,
    boundary,
    names,
    arguments,
    guards,
    conditions,
    truthiness,
    negation,
    constants,
    returns,
    exceptions,
    calls,
    slices,
    strings,
    clamps,
    defaults,
    statements,
)
