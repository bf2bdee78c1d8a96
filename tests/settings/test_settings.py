"""Settings from the environment, and what is said when they are wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import jsonschema
import pytest

from bot.errors import ConfigError
from bot.settings import (
    LogFormat,
    SandboxChoice,
    Settings,
    host_environment,
    read_settings,
    settings_json_schema,
    web_url_of,
)

PEM = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"
SECRET = "0123456789abcdef"
Read = Callable[..., Settings]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Read]:
    """Settings from these variables alone, names without the prefix."""

    def made(variables: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
        for name in list(os.environ):
            if name.startswith("CODEAGENT_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        for name, value in (variables or {}).items():
            monkeypatch.setenv(f"CODEAGENT_{name}", value)
        return read_settings(dotenv=dotenv)

    return made


def test_nothing_is_needed_for_the_command_line(read: Read, tmp_path: Path) -> None:
    settings = read()
    assert settings.data_dir == tmp_path / "codeagent"
    assert settings.database == f"sqlite:///{tmp_path}/codeagent/codeagent.sqlite"
    assert (settings.label, settings.sandbox, settings.host) == ("codeagent", SandboxChoice.AUTO, "127.0.0.1")
    assert (settings.api_url, settings.web) == ("https://api.github.com", "https://github.com")
    assert settings.allows("any/repository")


def test_all_that_is_missing_for_github_is_said_at_once(read: Read) -> None:
    with pytest.raises(ConfigError) as caught:
        read().github_app()
    for name in ("CODEAGENT_APP_ID", "CODEAGENT_PRIVATE_KEY_PATH", "CODEAGENT_WEBHOOK_SECRET"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "issuer"),
    [
        ({"APP_ID": "12", "PRIVATE_KEY": PEM}, "12"),
        ({"CLIENT_ID": "Iv1.x", "PRIVATE_KEY": PEM.replace("\n", "\\n")}, "Iv1.x"),
        ({"APP_ID": "12", "CLIENT_ID": "Iv1.x", "PRIVATE_KEY": f"  {PEM}  "}, "12"),
    ],
)
def test_the_app(variables: dict[str, str], issuer: str, read: Read) -> None:
    app = read({**variables, "WEBHOOK_SECRET": SECRET}).github_app()
    assert app.issuer == issuer
    assert app.private_key.get_secret_value() == PEM
    assert app.webhook_secret.get_secret_value() == SECRET


def test_the_key_in_a_file(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "app.pem"
    variables = {"APP_ID": "12", "PRIVATE_KEY_PATH": str(path), "WEBHOOK_SECRET": SECRET}
    with pytest.raises(ConfigError, match=r"PRIVATE_KEY_PATH: .*app\.pem cannot be used: No such file"):
        read(variables).github_app()
    path.write_text("public")
    with pytest.raises(ConfigError, match="is not a PEM private key"):
        read(variables).github_app()
    path.write_text(PEM)
    assert read(variables).github_app().private_key.get_secret_value() == PEM


def test_values_of_every_kind(read: Read) -> None:
    settings = read(
        {
            "API_URL": "https://ghe.example.org/api/v3/",
            "REPOSITORIES": "octo/demo, Other/*",
            "LIMITS__SECONDS": "5",
            "LIMITS__MEMORY_MIB": "512",
            "BUDGET": '{"seconds": 60}',
            "BUDGET__ITERATIONS": "7",
            "DATABASE_URL": "postgresql://u:p@db/x",
            "SANDBOX": "bubblewrap",
            "LOG_FORMAT": "json",
            "PORT": "0",
            "DATA_DIR": "/var/lib/codeagent",
        }
    )
    assert (settings.limits.seconds, settings.limits.memory_mib) == (5, 512)
    assert (settings.budget.seconds, settings.budget.iterations) == (60, 7)
    assert settings.database == "postgresql://u:p@db/x"
    assert (settings.sandbox, settings.log_format) == (SandboxChoice.BUBBLEWRAP, LogFormat.JSON)
    assert settings.web == "https://ghe.example.org"
    allowed = ["octo/demo", "OCTO/Demo", "other/x", "octo/other", "x/demo"]
    assert [settings.allows(name) for name in allowed] == [True, True, True, False, False]
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"WEBHOOK_SECRET": "development"}, "CODEAGENT_WEBHOOK_SECRET: must have at least 16 characters;"),
        ({"WEBHOOK_SECRET": ""}, "CODEAGENT_WEBHOOK_SECRET: must have at least 16"),
        ({"PRIVATE_KEY": "sEcReT"}, "CODEAGENT_PRIVATE_KEY: is not a PEM private key"),
        ({"PRIVATE_KEY": PEM, "PRIVATE_KEY_PATH": "/x"}, "are both set; leave one"),
        ({"PORT": "http"}, "CODEAGENT_PORT: Input should be a valid integer"),
        ({"PORT": "70000"}, "CODEAGENT_PORT: Input should be less than or equal to 65535"),
        ({"APP_ID": "0"}, "CODEAGENT_APP_ID: Input should be greater"),
        ({"LIMITS__SECONDS": "-1"}, "CODEAGENT_LIMITS__SECONDS: Input should be greater than 0"),
        ({"LIMITS__SECONDS": "nan"}, "CODEAGENT_LIMITS__SECONDS: "),
        ({"LIMITS__COLOUR": "red"}, "CODEAGENT_LIMITS__COLOUR: Extra inputs are not permitted"),
        ({"BUDGET": "{"}, 'error parsing value for field "budget"'),
        ({"BUDGET__SECONDS": "inf"}, "CODEAGENT_BUDGET__SECONDS: "),
        ({"WORKERS": "0"}, "CODEAGENT_WORKERS: "),
        ({"SANDBOX": "none"}, "CODEAGENT_SANDBOX: Input should be 'auto', 'docker' or 'bubblewrap'"),
        ({"API_URL": "github.com"}, "CODEAGENT_API_URL: must be an http"),
        ({"API_URL": "https://u:sEcReT@x/"}, "CODEAGENT_API_URL: must be without user, password"),
        ({"DATABASE_URL": "mysql://sEcReT"}, "CODEAGENT_DATABASE_URL: must start with postgresql://"),
        ({"REPOSITORIES": "demo"}, "CODEAGENT_REPOSITORIES: 'demo' is neither owner/name nor owner/*"),
        ({"API_VERSION": "latest"}, "CODEAGENT_API_VERSION: "),
        ({"WEBHOK_SECRET": "x"}, "WEBHOK_SECRET is not a setting; did you mean CODEAGENT_WEBHOOK_SECRET?"),
        ({"BUDGET__ITERATION": "1"}, "did you mean CODEAGENT_BUDGET__ITERATIONS?"),
    ],
)  # fmt: skip
def test_each_wrong_value_is_named_with_a_remedy(variables: dict[str, str], said: str, read: Read) -> None:
    with pytest.raises(ConfigError) as caught:
        read(variables)
    assert said in str(caught.value)
    assert "sEcReT" not in str(caught.value)
    assert caught.value.__cause__ is None, "pydantic's error would show the values"


def test_all_wrong_values_are_named_together(read: Read) -> None:
    with pytest.raises(ConfigError) as caught:
        read({"PORT": "x", "WORKERS": "x", "LIMITS__CPUS": "x"})
    assert all(name in str(caught.value) for name in ("PORT", "WORKERS", "LIMITS__CPUS"))


def test_variables_of_others_are_let_be(read: Read) -> None:
    assert read({"TESTS_NO_SKIP": "1", "CONTAINER_BUILD_MODE": "x"}).port == 8080


def test_secrets_are_not_shown(read: Read) -> None:
    settings = read({"PRIVATE_KEY": PEM, "WEBHOOK_SECRET": SECRET, "APP_ID": "1"})
    shown = repr(settings) + str(settings) + settings.model_dump_json() + repr(settings.github_app())
    assert "c2VjcmV0" not in shown
    assert SECRET not in shown


def test_a_dotenv_file_only_when_asked_for(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CODEAGENT_PORT=1234\nCODEAGENT_LABEL=from-file\n")
    monkeypatch.chdir(tmp_path)
    assert read().port == 8080
    settings = read({"LABEL": "from-environment"}, dotenv=tmp_path / ".env")
    assert (settings.port, settings.label) == (1234, "from-environment")
    with pytest.raises(ConfigError, match="There is no file"):
        read(dotenv=tmp_path / "none")


@pytest.mark.parametrize("home", ["", "relative"])
def test_a_state_directory_that_is_not_absolute_counts_as_unset(
    home: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    read()
    monkeypatch.setenv("XDG_STATE_HOME", home)
    assert read_settings().data_dir == Path.home() / ".local/state/codeagent"


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://ghe.example.org/api/v3", "https://ghe.example.org"),
        ("http://127.0.0.1:8000/api/v3", "http://127.0.0.1:8000"),
        ("https://x.example.org/github/api/v3", "https://x.example.org/github"),
    ],
)
def test_where_git_is(api: str, web: str) -> None:
    assert web_url_of(api) == web


def test_the_schema_tells_every_setting() -> None:
    schema = settings_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(Settings.model_fields)
    undescribed = {name for name, field in schema["properties"].items() if "description" not in field}
    groups = {name for name, field in schema["properties"].items() if "$ref" in field}
    assert undescribed <= groups


def test_the_environment_is_answered_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "new")
    assert host_environment()["SOMETHING"] == "new"
