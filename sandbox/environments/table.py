"""The ecosystems, written out: adding one is a file that satisfies Ecosystem and a line here."""

from __future__ import annotations

from pathlib import Path

from sandbox.environments import python
from sandbox.environments.types import Ecosystem, Recipe, Undetected

ECOSYSTEMS: dict[str, Ecosystem] = {
    python.NAME: python,
}


def detect(tree: Path) -> Recipe | Undetected:
    """The first ecosystem that knows the tree. Pure over its files."""
    reasons = []
    for ecosystem in ECOSYSTEMS.values():
        match ecosystem.detect(tree):
            case Recipe() as recipe:
                return recipe
            case Undetected(reason=reason):
                reasons.append(reason)
    return Undetected(reason="; ".join(reasons))
