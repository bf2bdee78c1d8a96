"""Detect and build what a repository needs: one file per ecosystem and one written-out table.

``detect(tree)`` reads what a repository declares; ``build(recipe, tree, sandboxes, cache)`` carries it out,
inside a sandbox with package registries reachable, once per content of the declaring files; ``prune`` keeps
the cache small.
"""

from sandbox.environments.build import build
from sandbox.environments.cache import prune
from sandbox.environments.table import detect
from sandbox.environments.types import BuildFailed, Environment, Progress, Recipe, Undetected

__all__ = ["BuildFailed", "Environment", "Progress", "Recipe", "Undetected", "build", "detect", "prune"]
