"""The check-up of GitHub's side against the double, the rest in tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from bot.cli.main import app as commands
from bot.doctor import Finding, Level, database
from bot.doctor_github import clock_of
from bot.doctor_github import github as examine
from bot.settings import Settings
from bot.setup.permissions import EVENTS, PERMISSIONS
from tests.double.auth import key_pair
from tests.double.faults import Garbage, Slow, Status
from tests.double.server import Credentials, GitHubDouble
from tests.double.state import App

SECRET = "0123456789abcdef"
NO_KEY = "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n"
HOOK = "https://bot.example.com/webhook"

Look = Callable[..., dict[str, Finding]]


@pytest.fixture
def stage(github: GitHubDouble) -> tuple[GitHubDouble, Credentials]:
    github.create_repository("octo/demo", files={"a.py": ""})
    return github, github.install_app(["octo/demo"], webhook_url=HOOK, webhook_secret=SECRET)


@pytest.fixture
def app(stage: tuple[GitHubDouble, Credentials]) -> App:
    return stage[0].world.apps[stage[1].app_id]


@pytest.fixture
def look(stage: tuple[GitHubDouble, Credentials]) -> Look:
    double, given = stage

    def look(**changed: object) -> dict[str, Finding]:
        settings = Settings(
            app_id=given.app_id,
            private_key=SecretStr(given.private_key),
            webhook_secret=SecretStr(given.webhook_secret),
            api_url=double.api_url,
            public_url="https://bot.example.com",
        )
        found = list(examine(settings.model_copy(update=changed), time.time))
        assert len({each.name for each in found}) == len(found)
        return {each.name: each for each in found}

    return look


def bad(found: dict[str, Finding]) -> dict[str, Level]:
    return {name: each.level for name, each in found.items() if not each.ok}


def test_all_is_well(look: Look) -> None:
    found = look()
    assert bad(found) == {}
    assert list(found) == [
        "webhook secret", "GitHub App", "clock", "permissions", "events",
        "installations", "webhook", "deliveries",
    ]  # fmt: skip
    assert SECRET not in str(found)


def test_no_app() -> None:
    (only,) = examine(Settings(), time.time)
    assert only.level is Level.WARN
    assert "codeagent setup" in only.remedy


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"private_key": SecretStr(key_pair(7)[0])}, "Check the App's id and private key"),
        ({"app_id": 999_999}, "404"),
        ({"private_key": None}, "PRIVATE_KEY_PATH"),
        (
            {"private_key": SecretStr(NO_KEY)},
            "cannot sign",
        ),
        ({"api_url": "http://127.0.0.1:9/api/v3"}, "did not answer"),
    ],
    ids=["another key", "no such App", "no key", "no key in the file", "nobody there"],
)
def test_keys(changed: dict[str, object], said: str, look: Look) -> None:
    found = look(**changed)
    assert bad(found) == {"GitHub App": Level.FAIL}
    assert said in found["GitHub App"].remedy


def test_what_the_app_may_not_and_need_not(look: Look, app: App) -> None:
    app.permissions = {**PERMISSIONS, "checks": "read", "workflows": "write"}
    app.events = EVENTS[1:]
    found = look()
    assert bad(found) == {"permissions": Level.FAIL, "more permissions": Level.WARN, "events": Level.FAIL}
    assert found["permissions"].detail == "lacks Checks: write"
    assert f"/settings/apps/{app.slug}/permissions" in found["permissions"].remedy
    assert found["more permissions"].detail == "workflows: write"
    assert found["events"].detail == "not subscribed: Issues"


def test_an_organisation_s_app_is_at_another_page(look: Look, app: App) -> None:
    app.owner.kind, app.events = "Organization", ()
    assert f"/organizations/{app.owner.login}/settings/apps/" in look()["events"].remedy


def test_installations(look: Look, stage: tuple[GitHubDouble, Credentials]) -> None:
    double, given = stage
    double.user("slow")
    late = double.install(given.app_id, "slow")
    double.world.installations[late].permissions = {**PERMISSIONS, "actions": "none"}
    assert bad(look()) == {"installation slow": Level.FAIL}
    double.suspend(late)
    assert bad(look()) == {"installation slow": Level.WARN}
    double.world.installations.clear()
    found = look()
    assert bad(found) == {"installations": Level.WARN}
    assert "/installations/new" in found["installations"].remedy


@pytest.mark.parametrize(
    ("settings", "app_has", "wrong"),
    [
        ({}, {"webhook_url": "https://old.example.com/webhook"}, {"webhook": Level.FAIL}),
        ({}, {"webhook_url": None}, {"webhook": Level.FAIL}),
        ({}, {"webhook_type": "form"}, {"webhook type": Level.FAIL}),
        ({}, {"webhook_secret": ""}, {"webhook signature": Level.FAIL}),
        ({"public_url": None}, {}, {}),
        ({"public_url": None, "relay_url": "https://smee.io/x"}, {}, {"webhook": Level.FAIL}),
        ({"public_url": None, "relay_url": "https://smee.io/x"}, {"webhook_url": "https://smee.io/x"}, {}),
    ],
)
def test_webhook(
    settings: dict[str, object], app_has: dict[str, object], wrong: dict[str, Level], look: Look, app: App
) -> None:
    for name, value in app_has.items():
        setattr(app, name, value)
    found = look(**settings)
    assert bad(found) == wrong
    assert "smee.io/x" not in str(found), "whoever knows the channel can read it"


def test_deliveries(look: Look, stage: tuple[GitHubDouble, Credentials]) -> None:
    double, _ = stage
    for number in range(3):
        double.deliver("ping", {"zen": "x"}, to="http://127.0.0.1:9/webhook", guid=f"guid-{number}")
    double.world.deliveries[0].status_code = 202
    found = look()
    assert bad(found) == {"deliveries": Level.WARN}
    assert found["deliveries"].detail.startswith("2 of the last 3 failed")
    assert "/advanced" in found["deliveries"].remedy


@pytest.mark.parametrize(
    ("path", "fault", "wrong"),
    [
        (r"/app$", Status(502), {"GitHub App": Level.FAIL}),
        (r"/app$", Garbage(), {"GitHub App": Level.FAIL}),
        (r"/hook/config$", Status(404), {"webhook": Level.WARN}),
        (r"/deliveries$", Status(404), {"deliveries": Level.WARN}),
        (r"/installations$", Status(403), {"installations": Level.FAIL}),
        (r"/deliveries$", Slow(0.2), {}),
    ],
    ids=repr,
)
def test_faults(
    path: str,
    fault: Status | Garbage | Slow,
    wrong: dict[str, Level],
    look: Look,
    stage: tuple[GitHubDouble, Credentials],
) -> None:
    stage[0].faults.add("GET", path, fault, times=None)
    assert bad(look()) == wrong


@pytest.mark.parametrize(
    ("off", "level"), [(0, Level.OK), (29, Level.OK), (-29, Level.OK), (31, Level.FAIL), (-3600, Level.FAIL)]
)
def test_clock(off: float, level: str) -> None:
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert clock_of(format_datetime(moment, usegmt=True), moment.timestamp() + off).level == level


@pytest.mark.parametrize("date", ["", "yesterday", "\x00"])
def test_no_clock(date: str) -> None:
    assert clock_of(date, 0.0).level is Level.WARN


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    (new,) = database(Settings(data_dir=tmp_path))
    assert new.ok
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "codeagent.sqlite").write_bytes(b"no database, but text" * 100)
    (broken,) = database(Settings(data_dir=tmp_path))
    assert broken.level is Level.FAIL
    (gone,) = database(Settings(database_url="postgresql://u:canary-pass@127.0.0.1:9/x"))
    assert gone.level is Level.FAIL
    assert "canary" not in str(gone)


def test_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEAGENT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CODEAGENT_DATABASE_URL", "postgresql://u:canary-pass@127.0.0.1:9/x")
    done = CliRunner().invoke(commands, ["doctor", "--json", "--sandbox", "bubblewrap"])
    rows = {row["check"]: row for row in json.loads(done.stdout)}
    assert rows["database"]["level"] == "fail"
    assert rows["GitHub App"]["level"] == "warn"
    assert "remedy" not in rows["Python"]
    assert done.exit_code == 1
    assert "canary" not in done.stdout
