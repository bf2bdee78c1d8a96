"""What the operator chose, read once from the environment into one frozen object. Nothing else reads it.

Every name starts with ``CODEAGENT_``; the groups are reached with two underscores
(``CODEAGENT_BUDGET__SECONDS``). Nothing that has to do with GitHub is needed for ``codeagent fix``;
:meth:`Settings.github_app` says what is missing when it is.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from bot.config.keys import Refused
from bot.errors import ConfigError
from bot.model_settings import DriverChoice, ModelSettings
from bot.settings_groups import (
    BudgetSettings,
    CheckSettings,
    DaySettings,
    LimitSettings,
    MonthSettings,
    ParallelSettings,
    RetentionSettings,
    ReviewSettings,
    TriggerSettings,
)

PREFIX = "CODEAGENT_"
SHORTEST_SECRET = 16
GITHUB_API = "https://api.github.com"


class SandboxChoice(StrEnum):
    AUTO = "auto"  # Docker where a daemon answers, else bubblewrap
    DOCKER = "docker"
    BUBBLEWRAP = "bubblewrap"


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubApp:
    """Who this program is on GitHub."""

    issuer: str  # App id or client id: either signs
    private_key: SecretStr
    webhook_secret: SecretStr


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    app_id: int | None = Field(default=None, ge=1, description="the GitHub App's id (or give CLIENT_ID)")
    client_id: str | None = Field(default=None, min_length=1, description="the GitHub App's client id")
    private_key: SecretStr | None = Field(
        default=None, description="the App's private key, PEM text (\\n allowed)"
    )
    private_key_path: Path | None = Field(default=None, description="a file that holds it instead")
    webhook_secret: SecretStr | None = Field(
        default=None,
        description=f"signs GitHub's deliveries; at least {SHORTEST_SECRET} characters, no default",
    )
    api_url: str = Field(default=GITHUB_API, description="GitHub's REST API; https://HOST/api/v3 for GHES")
    web_url: str | None = Field(
        default=None, description="where git and people reach it; default: made from API_URL"
    )
    api_version: str | None = Field(
        default=None, pattern=r"\d{4}-\d\d-\d\d", description="of the REST API; GHES may need 2022-11-28"
    )
    repositories: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="owner/name or owner/*, comma-separated; empty: wherever the App is installed"
    )
    label: str = Field(
        default="codeagent", min_length=1, max_length=50, description="the label that asks for work"
    )

    labels: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="further labels that a repository may choose instead, comma-separated"
    )
    triggers: TriggerSettings = Field(default_factory=TriggerSettings)
    bots: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="logins of bots that may ask (renovate[bot]), comma-separated; no other may"
    )
    assignees: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="further logins whose being assigned asks for work, comma-separated"
    )
    refused: Refused = Field(
        default=Refused.SILENT,
        description="what somebody hears who may not ask: silent; polite: a comment",
    )
    draft: bool = Field(default=False, description="open all pull requests as drafts")
    protected: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="globs of files that no patch may touch anywhere, comma-separated"
    )
    checks: CheckSettings = Field(default_factory=CheckSettings)
    review: ReviewSettings = Field(default_factory=ReviewSettings)

    data_dir: Path = Field(
        default_factory=lambda: _state_home() / "codeagent",
        description="journals, environments, database; default: $XDG_STATE_HOME/codeagent",
    )
    database_url: str | None = Field(
        default=None, description="postgresql://… for several workers; default: SQLite in DATA_DIR"
    )
    cache_mib: int = Field(
        default=10_240, ge=0, description="built environments that are kept, MiB; the least used go first"
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65_535, description="port to listen on; 0: any free one")
    public_url: str | None = Field(
        default=None, description="where people reach this service; links to runs are made with it"
    )
    relay_url: str | None = Field(
        default=None,
        repr=False,
        description="the channel of a relay that GitHub delivers to when it cannot reach this service; "
        "whoever knows it reads the deliveries",
    )
    max_body_bytes: int = Field(default=25 << 20, ge=1024, le=256 << 20, description="largest webhook body")
    workers: int = Field(default=2, ge=1, le=256, description="jobs at once in this process")

    sandbox: SandboxChoice = Field(
        default=SandboxChoice.AUTO, description="what runs the code of repositories"
    )
    image: str = Field(
        default="codeagent-base:bookworm", min_length=1, description="Docker image of the sandbox"
    )
    images: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="further Docker images that a repository may choose, comma-separated"
    )
    setup_commands: bool = Field(
        default=True, description="whether repositories may name set-up commands (run in the sandbox)"
    )
    limits: LimitSettings = Field(default_factory=LimitSettings)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    day: DaySettings = Field(default_factory=DaySettings)
    month: MonthSettings = Field(default_factory=MonthSettings)
    parallel: ParallelSettings = Field(default_factory=ParallelSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="a port of its own for /metrics, of workers as well; unset: servers have it on PORT",
    )
    driver: DriverChoice = Field(
        default=DriverChoice.AUTO,
        description="built-in, escalate (built-in first, the model when it is stuck), model, pipeline; auto: "
        "escalate when a model is named",
    )
    model: ModelSettings = Field(default_factory=ModelSettings)
    models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="further models that a repository may choose, comma-separated"
    )

    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.CONSOLE

    @field_validator("*", mode="before")
    @classmethod
    def _strip(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @field_validator(
        "repositories", "labels", "bots", "assignees", "protected", "images", "models", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("repositories")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9-]+/([A-Za-z0-9._-]+|\*)", name):
                raise ValueError(f"{name!r} is neither owner/name nor owner/*")
        return value

    @field_validator("api_url", "web_url", "public_url", "relay_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be an http(s) URL")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be without user, password, query and fragment")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"(postgresql|sqlite)(\+[a-z0-9]+)?://", value):
            raise ValueError("must start with postgresql:// or sqlite:///")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(
                f"must have at least {SHORTEST_SECRET} characters; make one with: openssl rand -hex 32"
            )
        return value

    @field_validator("private_key")
    @classmethod
    def _pem(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(_pem_text(value.get_secret_value()))

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.private_key is not None and self.private_key_path is not None:
            raise ValueError("private_key and private_key_path are both set; leave one")
        return self

    @property
    def has_app(self) -> bool:
        """Whether anything was said of the App; not whether it is enough."""
        said = (self.app_id, self.client_id, self.private_key, self.private_key_path, self.webhook_secret)
        return any(each is not None for each in said)

    @property
    def web(self) -> str:
        """Where git and people reach the forge."""
        if self.web_url is not None:
            return self.web_url
        return web_url_of(self.api_url)

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'codeagent.sqlite'}"

    def allows(self, full_name: str) -> bool:
        """Whether the operator lets this repository in."""
        owner = full_name.partition("/")[0]
        wanted = {full_name.lower(), f"{owner.lower()}/*"}
        return not self.repositories or any(name.lower() in wanted for name in self.repositories)

    def github_app(self) -> GitHubApp:
        """Raises ConfigError with everything that is missing."""
        missing = []
        if self.app_id is None and self.client_id is None:
            missing.append("APP_ID or CLIENT_ID: see the App's settings page")
        key = self.private_key or (_key_file(self.private_key_path) if self.private_key_path else None)
        if key is None:
            missing.append("PRIVATE_KEY_PATH or PRIVATE_KEY: generate one on the App's settings page")
        if self.webhook_secret is None:
            missing.append(
                "WEBHOOK_SECRET: the one typed into the App's settings page (openssl rand -hex 32 makes one)"
            )
        if missing or key is None or self.webhook_secret is None:
            raise ConfigError(
                _lines(
                    "GitHub settings are missing; codeagent setup makes them",
                    (PREFIX + line for line in missing),
                )
            )
        issuer = str(self.app_id) if self.app_id is not None else str(self.client_id)
        return GitHubApp(issuer=issuer, private_key=key, webhook_secret=self.webhook_secret)


def read_settings(*, dotenv: Path | None = None, chosen: Mapping[str, Any] | None = None) -> Settings:
    """The environment, and a ``.env`` file only when one is asked for (the environment wins). What is
    ``chosen``, by the names of the fields, wins over both.

    Raises ConfigError that names every bad variable and what to do.
    """
    _refuse_misspelt(os.environ)
    if dotenv is not None and not dotenv.is_file():
        raise ConfigError(f"There is no file {dotenv}; leave the option out or write the file.")

    try:
        options: dict[str, Any] = {"_env_file": dotenv, **(chosen or {})}  # the file: no field, for mypy
        return Settings(**options)
    except ValidationError as error:
        raise ConfigError(_explained(error)) from None  # the cause would show the values
    except SettingsError as error:
        raise ConfigError(
            f"Settings cannot be read: {error}; groups are JSON, or one variable per field."
        ) from None


def settings_json_schema() -> dict[str, Any]:
    """For documentation and editors: every variable, its type, default and meaning."""
    return Settings.model_json_schema()


def host_environment() -> dict[str, str]:
    """The variables as they are now: for what starts programs and has to decide which of them go along."""
    return dict(os.environ)


def web_url_of(api_url: str) -> str:
    """Where git reaches the forge whose REST API this is: github.com, or whatever is laid out like GHES."""
    parts = urlsplit(api_url)
    if parts.hostname == "api.github.com":
        return "https://github.com"
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/").removesuffix("/api/v3"), "", ""))


def _state_home() -> Path:
    """XDG: a relative or empty value counts as unset."""
    chosen = Path(os.environ.get("XDG_STATE_HOME", ""))
    return chosen if chosen.is_absolute() else Path.home() / ".local" / "state"


def _pem_text(text: str) -> str:
    """Environment files cannot hold line ends, so a key often comes with written-out ones."""
    key = text.replace("\\n", "\n").strip() + "\n"
    if not re.match(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n", key) or "\n-----END " not in key:
        raise ValueError(
            "is not a PEM private key (-----BEGIN … PRIVATE KEY----- to -----END … PRIVATE KEY-----)"
        )
    return key


def _key_file(path: Path) -> SecretStr:
    try:
        return SecretStr(_pem_text(path.read_text(encoding="ascii")))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a PEM private key"
        raise ConfigError(
            f"{PREFIX}PRIVATE_KEY_PATH: {path} cannot be used: {reason}; give the .pem file that GitHub made."
        ) from None


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    """A limit with a typing error in its name would be ignored without a word."""
    known = tuple(name.removeprefix(PREFIX) for name in _variables())
    wrong = []
    for name in sorted(environment):
        own = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and own not in known:
            close = difflib.get_close_matches(own, known, n=1, cutoff=0.85)
            wrong += [f"{name} is not a setting; did you mean {PREFIX}{close[0]}?"] if close else []
    if wrong:
        raise ConfigError(_lines("Settings with a misspelt name", wrong))


def _variables() -> Iterable[str]:
    for name, field in Settings.model_fields.items():
        yield PREFIX + name.upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{PREFIX}{name.upper()}__{inner.upper()}" for inner in field.annotation.model_fields)


def _explained(error: ValidationError) -> str:
    rows = (
        f"{PREFIX}{'__'.join(str(part).upper() for part in row['loc'])}: {_reason(row['msg'])}"
        if row["loc"]
        else _reason(row["msg"])
        for row in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return _lines("Settings cannot be used", rows)


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")


def _lines(heading: str, rows: Iterable[str]) -> str:
    return "\n".join((f"{heading}:", *(f"  {row}" for row in rows)))
