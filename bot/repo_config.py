"""What a repository may say in ``.github/codeagent.yml``, read from its default branch only (threat 24).

It can only tighten: a cap above the operator's is the operator's. It names no command that would run on the
host, no image, no address, no environment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.types import Budget
from bot.errors import ConfigError
from sandbox import Limits

PATH: Final = ".github/codeagent.yml"
LARGEST: Final = 16 << 10

Number = TypeVar("Number", int, float)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class LimitsPart(_Part):
    """Caps of one command."""

    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    memory_mib: int | None = Field(default=None, ge=64)


class BudgetPart(_Part):
    """Caps of one run."""

    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    iterations: int | None = Field(default=None, ge=1)


class RepoConfig(_Part):
    """``enabled: false`` turns the bot off; ``protected`` names paths (glob) that no patch may touch."""

    enabled: bool = True
    label: str | None = Field(default=None, min_length=1, max_length=50)
    draft: bool = False
    test_command: tuple[str, ...] = Field(default=(), max_length=64)
    protected: tuple[str, ...] = Field(default=(), max_length=200)
    limits: LimitsPart = LimitsPart()
    budget: BudgetPart = BudgetPart()

    @field_validator("test_command", "protected")
    @classmethod
    def _words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word or "\0" in word or len(word) > 1000 for word in value):
            raise ValueError("entries must be 1 to 1000 characters without NUL")
        return value

    def tighten_limits(self, limits: Limits) -> Limits:
        return replace(
            limits,
            seconds=_least(limits.seconds, self.limits.seconds),
            memory_mib=_least(limits.memory_mib, self.limits.memory_mib),
        )

    def tighten_budget(self, budget: Budget) -> Budget:
        return replace(
            budget,
            max_seconds=_least(budget.max_seconds, self.budget.seconds),
            max_iterations=_least(budget.max_iterations, self.budget.iterations),
        )


def read_repo_config(content: bytes | None) -> RepoConfig:
    """None: no such file, the defaults hold. Raises ConfigError that says which key and what to do."""
    if content is None:
        return RepoConfig()
    if len(content) > LARGEST:
        raise ConfigError(f"{PATH} has {len(content):,} bytes; {LARGEST:,} are allowed. Shorten it.")
    data = _parsed(content)
    if data is None:
        return RepoConfig()
    if not isinstance(data, dict):
        raise ConfigError(f"{PATH} must be a mapping of keys to values (for example: `draft: true`).")
    try:
        return RepoConfig.model_validate(data)
    except ValidationError as error:
        rows = (
            f"  {'.'.join(str(part)[:80] for part in row['loc'])}: {row['msg'].removeprefix('Value error, ')}"
            for row in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        )
        raise ConfigError("\n".join((f"{PATH} cannot be used; correct or remove:", *rows))) from None


def repo_config_json_schema() -> dict[str, Any]:
    return RepoConfig.model_json_schema()


class _Plain(yaml.SafeLoader):
    """Without anchors: ten lines of aliases can stand for gigabytes. And every key once."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise yaml.YAMLError(f"{twice[0]!r} stands there twice")
        return super().construct_mapping(node, deep)


def _parsed(content: bytes) -> Any:
    try:
        return yaml.load(content.decode("utf-8"), Loader=_Plain)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{PATH} is not UTF-8 (byte {error.start}); save it as UTF-8.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2024-99-99
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:500]
        raise ConfigError(f"{PATH} is not YAML that is understood: {reason}") from None


def _least(operators: Number, repositorys: Number | None) -> Number:
    return operators if repositorys is None else min(operators, repositorys)
