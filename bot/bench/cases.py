"""A file of known bugs: what happened, where, and the tests that the real fix turned from red to green."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.errors import ConfigError


class Case(BaseModel):
    """One real bug. The search sees the repository at ``parent_commit`` and the ``issue``, nothing else.

    ``fail_to_pass`` are node ids of the fix's own tests; they judge afterwards (or, in the second column, are
    handed in as the failing test).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,80}$")
    repo: str = Field(pattern=r"^(https?|file)://")
    parent_commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    fix_commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    issue: str = Field(min_length=1)
    fail_to_pass: tuple[str, ...] = Field(min_length=1)

    @property
    def test_paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.partition("::")[0] for name in self.fail_to_pass))

    @property
    def owner_and_name(self) -> tuple[str, str]:
        parts = self.repo.removesuffix(".git").rstrip("/").split("/")
        return parts[-2], parts[-1]


_CASES: TypeAdapter[tuple[Case, ...]] = TypeAdapter(tuple[Case, ...])


def read_cases(path: Path) -> tuple[Case, ...]:
    """Raises ConfigError that names the bad entries."""
    try:
        cases = _CASES.validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        rows = "; ".join(
            f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_url=False)[:5]
        )
        raise ConfigError(f"{path} is no file of cases: {rows}.") from None
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise ConfigError(f"{path} has two cases of one name.")
    return cases


def repository_of(case: Case, directory: Path | None) -> str:
    """A copy below ``directory`` when there is one, else the case's URL. Looked for are ``owner+name/repo``,
    ``owner+name``, ``owner/name`` and ``name``, each with or without ``.git``."""
    if directory is None:
        return case.repo
    owner, name = case.owner_and_name
    for place in (f"{owner}+{name}/repo", f"{owner}+{name}", f"{owner}/{name}", name):
        for candidate in (directory / place, directory / f"{place}.git"):
            if candidate.is_dir():
                return str(candidate)
    return case.repo
