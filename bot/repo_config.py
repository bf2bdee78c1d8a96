"""What a repository may say in ``.github/codeagent.yml``, read from its default branch only (threat 24).

It can only tighten what the operator allows. The parts are in ``bot.config``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from agent.types import Budget
from bot.config.keys import RepoConfig
from bot.config.reading import LARGEST, PATH, read_repo_config
from sandbox import Limits

__all__ = [
    "LARGEST",
    "PATH",
    "RepoConfig",
    "read_repo_config",
    "repo_config_json_schema",
    "tighten_budget",
    "tighten_limits",
]

Number = TypeVar("Number", int, float)


def tighten_limits(config: RepoConfig, limits: Limits) -> Limits:
    return replace(
        limits,
        seconds=_least(limits.seconds, config.limits.seconds),
        memory_mib=_least(limits.memory_mib, config.limits.memory_mib),
    )


def tighten_budget(config: RepoConfig, budget: Budget) -> Budget:
    return replace(
        budget,
        max_seconds=_least(budget.max_seconds, config.budget.seconds),
        max_iterations=_least(budget.max_iterations, config.budget.iterations),
    )


def repo_config_json_schema() -> dict[str, Any]:
    return RepoConfig.model_json_schema()


def _least(operators: Number, repositorys: Number | None) -> Number:
    return operators if repositorys is None else min(operators, repositorys)
