"""The pure parts of the set-up: addresses, names, the file of settings, the one table of permissions."""

from __future__ import annotations

import os
import stat
import string
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.setup import keys
from bot.setup.manifest import GitHubPlace, Wish, check_reachable, form_action, installation_page, manifest
from bot.setup.permissions import (
    EVENTS,
    PERMISSIONS,
    event_table,
    missing,
    permission_table,
    too_much,
    unheard,
)
from bot.setup.serve import channel
from tests.double.endpoints import app_hooks
from tests.double.server import EVENTS as DOUBLE_EVENTS
from tests.double.server import PERMISSIONS as DOUBLE_PERMISSIONS

ROOT = Path(__file__).resolve().parents[2]
GITHUB = GitHubPlace.of("https://github.com")


def test_one_table_of_permissions() -> None:
    """Manifest, token request (tests/forge shows what is sent), double and document."""
    from bot.github import client as github

    assert github.PERMISSIONS is PERMISSIONS
    asked = manifest(
        Wish(name="n", hook="https://x.example/webhook"), GITHUB, "http://127.0.0.1:1/setup/created"
    )
    assert asked["default_permissions"] == PERMISSIONS == dict(DOUBLE_PERMISSIONS)
    assert tuple(asked["default_events"]) == EVENTS == tuple(DOUBLE_EVENTS)
    assert asked["public"] is False
    assert "workflows" not in PERMISSIONS
    text = (ROOT / "docs" / "security.md").read_text()
    assert permission_table() in text
    assert event_table() in text


def test_every_event_comes_with_a_permission_that_is_asked_for() -> None:
    assert all(set(app_hooks.EVENTS[event]) & set(PERMISSIONS) for event in EVENTS)


def test_what_is_missing_and_what_is_too_much() -> None:
    granted = {
        "checks": "read",
        "contents": "write",
        "issues": "admin",
        "metadata": "read",
        "workflows": "write",
    }
    assert [each.name for each in missing(granted)] == ["actions", "checks", "pull_requests"]
    assert too_much(granted) == ("issues: admin", "workflows: write")
    assert missing(PERMISSIONS) == ()
    assert too_much(PERMISSIONS) == ()
    assert [each.name for each in unheard(EVENTS[1:])] == [EVENTS[0]]


@pytest.mark.parametrize(
    ("web", "api", "origin", "hosted"),
    [
        ("https://github.com", "https://api.github.com", "https://github.com", True),
        ("https://www.github.com/", "https://api.github.com", "https://github.com", True),
        ("https://acme.ghe.com", "https://api.acme.ghe.com", "https://acme.ghe.com", True),
        ("https://git.acme.example", "https://git.acme.example/api/v3", "https://git.acme.example", False),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/api/v3", "http://127.0.0.1:8000", False),
    ],
)
def test_where_github_is(web: str, api: str, origin: str, hosted: bool) -> None:
    place = GitHubPlace.of(web)
    assert (place.api, place.origin, place.hosted) == (api, origin, hosted)


@pytest.mark.parametrize(
    "web", ["", "github.com", "ftp://x", "https://", "https://u:p@x", "https://x/?a", "https://x#a"]
)
def test_where_github_cannot_be(web: str) -> None:
    with pytest.raises(ConfigError):
        GitHubPlace.of(web)


@pytest.mark.parametrize(
    "hook",
    ["http://localhost:8080/webhook", "https://127.0.0.1/webhook", "https://10.1.2.3/webhook", "https://[::1]/w",
     "https://bot/webhook", "https://bot.local/webhook", "ftp://bot.example/webhook", "https://u:p@bot.example/w",
     "https://bot.example/w#x", "https://bot.example/w?x", ""],
)  # fmt: skip
def test_github_com_cannot_deliver_there(hook: str) -> None:
    with pytest.raises(ConfigError):
        check_reachable(hook, GITHUB)


def test_where_it_can() -> None:
    check_reachable("https://bot.example.com/webhook", GITHUB)
    check_reachable("https://203.0.113.7:8443/webhook".replace("203.0.113.7", "8.8.8.8"), GITHUB)
    check_reachable("http://10.1.2.3/webhook", GitHubPlace.of("https://git.acme.example"))


@pytest.mark.parametrize(
    ("name", "org"),
    [("", ""), ("x" * 35, ""), ("a\nb", ""), ("n", "-x"), ("n", "a/b"), ("n", "a?b"), ("n", ".")],
)
def test_what_cannot_be_wished_for(name: str, org: str) -> None:
    with pytest.raises(ConfigError):
        Wish(name=name, org=org, hook="https://x.example/webhook")


def test_addresses_of_the_flow() -> None:
    wish = Wish(name="n", hook="https://x.example/webhook")
    assert form_action(wish, GITHUB, "s&t") == "https://github.com/settings/apps/new?state=s%26t"
    of_org = Wish(name="n", hook="https://x.example/webhook", org="acme")
    assert (
        form_action(of_org, GITHUB, "s") == "https://github.com/organizations/acme/settings/apps/new?state=s"
    )
    own = "https://github.com/apps/x/installations/new"
    assert installation_page(GITHUB, "https://github.com/apps/x", "x") == own
    for elsewhere in ("", "https://github.com.evil.example/apps/x", "javascript:alert(1)"):
        assert installation_page(GITHUB, elsewhere, "x") == own


def test_a_channel_of_a_relay() -> None:
    assert channel("") == ""
    assert channel("https://smee.io/abc/") == "https://smee.io/abc"
    made = [channel("https://smee.io/") for _ in range(2)]
    assert made[0] != made[1]
    assert all(each.startswith("https://smee.io/") and len(each) == 48 for each in made)


@given(st.text(st.sampled_from(string.printable[:95] + "äöü€")).filter(lambda text: "${" not in text))
def test_a_value_comes_back_from_the_file_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "quoted.env"
    path.write_text(f"A={keys.quoted('A', value)}\nB=b\n", encoding="utf-8")
    assert dotenv_values(path) == {"A": value, "B": "b"}


@pytest.mark.parametrize("value", ["a\nB=c", "a\x00", "${HOME}"])
def test_a_value_that_would_be_another(value: str) -> None:
    with pytest.raises(ConfigError):
        keys.quoted("A", value)


def test_files_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = keys.files_in(tmp_path / "new")
        keys.write(files, "PEM", {"A": "1"})
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (files.env.parent, files.key, files.env)]
    assert modes == [0o700, 0o600, 0o600]
    assert (files.key.read_text(), files.env.read_text()) == ("PEM\n", "A=1\n")
    with pytest.raises(ConfigError, match="--force"):
        keys.write(files, "OTHER", {"A": "2"})
    assert (files.key.read_text(), files.env.read_text()) == ("PEM\n", "A=1\n")
    files.env.chmod(0o644)
    keys.write(files, "OTHER", {"A": "2"}, force=True)
    assert (files.env.read_text(), stat.S_IMODE(files.env.stat().st_mode)) == ("A=2\n", 0o600)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    files = keys.files_in(tmp_path)
    files.env.symlink_to(victim)
    with pytest.raises(ConfigError):
        keys.write(files, "PEM", {"A": "1"})
    keys.write(files, "PEM", {"A": "1"}, force=True)
    assert victim.read_text() == "mine"
    assert not files.env.is_symlink()


def test_a_directory_that_cannot_be_written() -> None:
    with pytest.raises((ConfigError, OSError)):
        keys.write(keys.files_in(Path("/proc/nowhere")), "PEM", {})
