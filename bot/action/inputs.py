"""What the step was given: its inputs and what the runner says of the event. Pure.

A composite action's steps get no ``INPUT_…`` variables by themselves; ``action.yml`` sets each one. An input
that is empty was not given.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bot.action.status import Status, fail_on_of
from bot.deliveries.webhook import TEXT_CAP, storable
from bot.errors import ConfigError
from bot.settings import SandboxChoice

_YES: Final = frozenset(("true", "yes", "on"))
_NO: Final = frozenset(("false", "no", "off"))
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of ``action.yml``. ``settings`` are those that replace a setting of ``bot.settings``."""

    token: str = field(repr=False)
    own_token: bool  # it is the workflow's GITHUB_TOKEN, not an App's or a person's
    issue: int = 0
    task: str = ""
    label: str = ""
    test_command: tuple[str, ...] = ()
    base: str = ""
    pull_request: bool = True  # False: a patch, and nothing is written to the repository
    draft: bool | None = None
    config: str = ""  # in the place of the repository's .github/codeagent.yml
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """What GitHub's runner says of the event and of itself."""

    event: str
    event_path: Path
    repository: str
    repository_id: int
    actors: tuple[str, ...]  # who set it off, and who set it off again
    run: str  # id of the workflow run
    attempt: str
    server_url: str
    api_url: str
    temp: Path
    output: Path | None = None
    summary: Path | None = None

    @property
    def run_url(self) -> str:
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run}/attempts/{self.attempt}"

    @property
    def delivery(self) -> str:
        """In the place of a delivery's GUID."""
        return f"actions-run-{self.run}-{self.attempt}"


def read_fail_on(environment: Mapping[str, str]) -> frozenset[Status]:
    """Raises ConfigError."""
    return fail_on_of(environment.get("INPUT_FAIL_ON", ""))


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Raises ConfigError that names the input."""
    given = {
        name.removeprefix("INPUT_").lower().replace("_", "-"): value.strip()
        for name, value in environment.items()
        if name.startswith("INPUT_") and value.strip()
    }
    token = given.get("github-token", "")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("github-token: is missing or is no token; leave it out for the workflow's own.")
    issue, task = _number(given, "issue-number"), given.get("task", "")
    if issue and task:
        raise ConfigError("issue-number and task: give one of them.")
    return Inputs(
        token=token,
        own_token=_flag(given, "own-token") is True,
        issue=issue,
        task=storable(task, TEXT_CAP),
        label=given.get("label", ""),
        test_command=_words(given, "test-command"),
        base=given.get("base", ""),
        pull_request=_flag(given, "pull-request") is not False,
        draft=_flag(given, "draft"),
        config=given.get("config", ""),
        settings=_settings(given),
    )


def read_runner(environment: Mapping[str, str]) -> Runner:
    """Raises ConfigError when this is no step of GitHub Actions."""
    try:
        temp, repository = Path(environment["RUNNER_TEMP"]), environment["GITHUB_REPOSITORY"]
        event, event_path = environment["GITHUB_EVENT_NAME"], Path(environment["GITHUB_EVENT_PATH"])
        run = environment["GITHUB_RUN_ID"]
    except KeyError as missing:
        raise ConfigError(
            f"{missing.args[0]} is not set: `codeagent action` works as a step of GitHub Actions; "
            "elsewhere use `codeagent fix`."
        ) from None
    if not _REPOSITORY.fullmatch(repository):
        raise ConfigError("GITHUB_REPOSITORY is not owner/name.")
    actors = (environment.get("GITHUB_ACTOR", ""), environment.get("GITHUB_TRIGGERING_ACTOR", ""))
    number = environment.get("GITHUB_REPOSITORY_ID", "0")
    return Runner(
        event=event,
        event_path=event_path,
        repository=repository,
        repository_id=int(number) if number.isdecimal() else 0,
        actors=tuple(dict.fromkeys(actor for actor in actors if actor)),
        run=run,
        attempt=environment.get("GITHUB_RUN_ATTEMPT", "1"),
        server_url=environment.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/"),
        api_url=environment.get("GITHUB_API_URL", "https://api.github.com").rstrip("/"),
        temp=temp,
        output=_path(environment, "GITHUB_OUTPUT"),
        summary=_path(environment, "GITHUB_STEP_SUMMARY"),
    )


def _settings(given: Mapping[str, str]) -> dict[str, Any]:
    """Only what was given: everything else is as the environment's ``CODEAGENT_…`` say."""
    minutes = _amount(given, "max-minutes")
    budget = {"seconds": minutes and minutes * 60, "money": _amount(given, "max-cost")}
    model = {
        "name": given.get("model"),
        "base_url": given.get("model-base-url"),
        "api_key": given.get("model-api-key"),
        "prices": given.get("model-prices"),
    }
    chosen = {
        "budget": _present(budget),
        "model": _present(model),
        "driver": given.get("driver"),
        "sandbox": _sandbox(given),
        "image": given.get("image"),
        "label": given.get("label"),
    }
    return _present(chosen)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", {})}


def _sandbox(given: Mapping[str, str]) -> str | None:
    wanted = given.get("sandbox")
    if wanted is not None and wanted not in tuple(SandboxChoice):
        raise ConfigError(f"sandbox: {wanted[:60]!r} is none of {', '.join(SandboxChoice)}.")
    return wanted


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _number(given: Mapping[str, str], name: str) -> int:
    text = given.get(name, "0").removeprefix("#")
    if not text.isdecimal() or not text.isascii() or len(text) > 12:
        raise ConfigError(f"{name}: {text[:60]!r} is not a number.")
    return int(text)


def _amount(given: Mapping[str, str], name: str) -> float | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 < amount <= 1e6:
        raise ConfigError(f"{name}: {text[:60]!r} is not a number above 0.")
    return amount


def _flag(given: Mapping[str, str], name: str) -> bool | None:
    text = given.get(name)
    if text is None or text.lower() in _YES:
        return None if text is None else True
    if text.lower() in _NO:
        return False
    raise ConfigError(f"{name}: {text[:60]!r} is neither true nor false.")


def _words(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(given.get(name, "")))
    except ValueError as error:
        raise ConfigError(f"{name}: cannot be split into words ({error}).") from None
