"""What a repository may say in ``.github/codeagent.yml``, read from its default branch only (threat 24).

It can only tighten what the operator allows. The parts are in ``bot.config``.
"""

from __future__ import annotations

from bot.config.keys import RepoConfig
from bot.config.reading import LARGEST, PATH, read_repo_config
from bot.config.terms import Terms, settle, tighten_budget, tighten_limits

__all__ = [
    "LARGEST",
    "PATH",
    "RepoConfig",
    "Terms",
    "read_repo_config",
    "settle",
    "tighten_budget",
    "tighten_limits",
]
