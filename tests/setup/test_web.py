"""The set-up's addresses: who gets in, what leaves, and what becomes of GitHub's faults (threat 25)."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bot.settings import read_settings
from bot.setup.manifest import GitHubPlace
from bot.setup.permissions import EVENTS, PERMISSIONS
from bot.setup.tickets import FLOW_SECONDS, SECRET_SECONDS
from tests.double.faults import Garbage, PrimaryRateLimit, ResetAfter, ResetBefore, Status
from tests.double.server import GitHubDouble
from tests.setup.support import HOOK, HOST, Place, forms, visible

CONVERSIONS = r"/app-manifests/"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with GitHubDouble(tmp_path / "github") as github:
        yield Place(github, tmp_path / "data")
    github.check()


def test_from_the_secret_to_the_keys(place: Place) -> None:
    page = place.enter()
    form = forms(page)[0]
    assert form.action.startswith(f"{place.github.site}/settings/apps/new?state=")
    manifest = json.loads(form.fields["manifest"])
    assert manifest == {
        "name": "codeagent-1f2e3d",
        "url": "https://bot.example.com",
        "description": manifest["description"],
        "hook_attributes": {"url": HOOK, "active": True},
        "redirect_url": f"http://{HOST}/setup/created",
        "public": False,
        "default_permissions": dict(PERMISSIONS),
        "default_events": list(EVENTS),
    }

    done = place.get(place.registered(page))
    assert (done.status_code, done.headers["location"]) == (303, "/setup/done")
    (app,) = place.github.world.apps.values()
    shown = place.get("/setup/done")
    assert shown.status_code == 200
    assert f'href="{place.github.site}/apps/{app.slug}/installations/new"' in shown.text
    assert place.app.finished.is_set()

    key, env = place.data / "app.pem", place.data / "app.env"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, env)] == [0o600, 0o600]
    assert sorted(path.name for path in place.data.iterdir()) == ["app.env", "app.pem"]
    settings = read_settings(dotenv=env)
    assert settings.github_app().issuer == str(app.id)
    assert settings.github_app().webhook_secret.get_secret_value() == app.webhook_secret
    assert settings.github_app().private_key.get_secret_value() == key.read_text()
    assert (settings.api_url, settings.web) == (place.github.api_url, place.github.site)
    assert (settings.public_url, settings.data_dir) == ("https://bot.example.com", place.data)
    for secret in (app.webhook_secret, key.read_text().splitlines()[3]):
        assert secret not in page + shown.text


def test_it_is_off_once_configured(place: Place) -> None:
    back = place.registered(place.enter())
    assert place.get(back).status_code == 303
    before = (place.data / "app.env").read_bytes()
    for address in ("/setup", "/setup?name=x", back, f"/setup?secret={place.tickets.secret}"):
        assert place.get(address).status_code == 410
    assert (place.data / "app.env").read_bytes() == before
    assert len(place.github.requests_to("POST", CONVERSIONS)) == 1


def test_the_secret_opens_once(place: Place) -> None:
    place.enter()
    place.browser.cookies.clear()
    again = place.get(f"/setup?secret={place.tickets.secret}")
    assert again.status_code == 403
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("secret", ["", "x", "ä", "%00", "x" * 10_000])
def test_a_wrong_secret(secret: str, place: Place) -> None:
    assert place.get(f"/setup?secret={secret}").status_code == 403
    assert place.get("/setup").status_code == 403
    assert forms(place.enter()), "a wrong one does not use the right one up"


def test_the_secret_ends(place: Place) -> None:
    place.clock.now += SECRET_SECONDS
    assert place.get(f"/setup?secret={place.tickets.secret}").status_code == 403


def test_the_session_ends(place: Place) -> None:
    back = place.registered(place.enter())
    place.clock.now += FLOW_SECONDS
    assert place.get("/setup").status_code == 403
    assert place.get(back).status_code == 403
    assert not place.data.exists()


def test_the_cookie_is_for_the_browser_only(place: Place) -> None:
    cookie = place.get(f"/setup?secret={place.tickets.secret}").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/setup" in cookie


def test_state_is_checked_and_used_once(place: Place) -> None:
    back = place.registered(place.enter())
    code, state = re.fullmatch(r"/setup/created\?code=(\w+)&state=([\w-]+)", back).groups()  # type: ignore[union-attr]
    wrong = [
        f"?code={code}",
        f"?code={code}&state=",
        f"?code={code}&state=wrong",
        f"?code={code}&state={state}x",
    ]
    for query in wrong:
        assert place.get(f"/setup/created{query}").status_code == 403
    place.github.faults.add("POST", CONVERSIONS, Status(422))
    assert place.get(back).status_code == 502
    assert place.get(back).status_code == 403, "a state is good for one answer"
    assert not place.data.exists()


def test_an_answer_without_the_session_is_refused(place: Place) -> None:
    """Somebody else's browser, led to this address."""
    back = place.registered(place.enter())
    place.browser.cookies.clear()
    assert place.get(back).status_code == 403
    assert place.github.requests_to("POST", CONVERSIONS) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "bot.example.com"},
        {"host": "localhost:4711"},
        {"host": "127.0.0.1:80"},
        {"x-forwarded-for": "203.0.113.9"},
        {"forwarded": "for=203.0.113.9"},
    ],
    ids=lambda row: next(iter(row.items()))[1],
)
def test_only_this_machine_without_a_proxy(headers: dict[str, str], place: Place) -> None:
    for address in (f"/setup?secret={place.tickets.secret}", "/setup/created", "/setup/done"):
        assert place.get(address, **headers).status_code == 400
    assert forms(place.enter())


@pytest.mark.parametrize("code", ["", "../../user", "a b", "%0d%0aX: y", "x" * 300])
def test_a_strange_code(code: str, place: Place) -> None:
    state = forms(place.enter())[0].action.partition("state=")[2]
    assert place.get(f"/setup/created?code={code}&state={state}").status_code == 400
    assert place.github.requests_to("POST", ".") == []


def test_every_page_is_guarded(place: Place) -> None:
    answers = [
        place.get("/setup"),
        place.get("/setup/done"),
        place.get(f"/setup?secret={place.tickets.secret}"),
    ]
    answers += [place.get("/setup"), place.get("/setup/created")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert f"form-action 'self' {place.github.site};" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert "<script" not in answer.text
    assert place.get("/other").status_code == 404


def test_what_is_typed_is_escaped_and_judged(place: Place) -> None:
    place.enter()
    evil = '"><script>alert(1)</script>'
    for query in ({"name": evil, "org": "x"}, {"org": evil}, {"public": f"https://x.example/{evil}"}):
        page = place.browser.get("/setup", params=query)
        assert "<script" not in page.text
    page = place.browser.get("/setup", params={"org": "no/such org", "name": "n"})
    assert page.status_code == 400
    assert "no name of an organisation" in visible(page.text)
    assert [form.method for form in forms(page.text)] == ["get"], "nothing to post to GitHub"


def test_an_organisation_and_another_address(place: Place) -> None:
    place.enter()
    page = place.browser.get(
        "/setup", params={"org": "acme", "name": "Acme's bot", "public": "https://other.example"}
    ).text
    assert forms(page)[0].action.startswith(f"{place.github.site}/organizations/acme/settings/apps/new?")
    assert place.get(place.registered(page)).status_code == 303
    (app,) = place.github.world.apps.values()
    assert (app.name, app.owner.login, app.webhook_url) == (
        "Acme's bot",
        "acme",
        "https://other.example/webhook",
    )
    assert read_settings(dotenv=place.data / "app.env").public_url == "https://other.example"


@pytest.mark.parametrize(
    ("fault", "times", "status", "said"),
    [
        (Status(502), 2, 303, ""),
        (ResetBefore(), 1, 303, ""),
        (Status(502), None, 502, "502"),
        (Status(404), None, 502, "over an hour old"),
        (Status(422), None, 502, "422"),
        (PrimaryRateLimit(reset=1800), None, 502, "rate limit"),
        (Garbage(), None, 502, "The code is wrong, used"),
        (ResetAfter(), None, 502, "delete it in GitHub's settings"),
    ],
    ids=repr,
)
def test_faults_of_github(
    fault: Status | ResetBefore | PrimaryRateLimit | Garbage | ResetAfter,
    times: int | None,
    status: int,
    said: str,
    place: Place,
) -> None:
    place.github.faults.add("POST", CONVERSIONS, fault, times=times)
    answer = place.get(place.registered(place.enter()))
    assert answer.status_code == status, answer.text
    assert said in visible(answer.text)
    assert (place.data / "app.env").exists() == (status == 303)
    if status != 303:
        place.github.faults.clear()
        page = place.get("/setup")
        assert page.status_code == 200, "it can be gone through again"
        assert place.get(place.registered(page.text)).status_code == 303


def test_keys_that_are_there_are_left_alone(place: Place) -> None:
    place.data.mkdir()
    (place.data / "app.pem").write_text("another's\n")
    answer = place.get(place.registered(place.enter()))
    assert answer.status_code == 409
    assert "--force" in visible(answer.text)
    assert (place.data / "app.pem").read_text() == "another's\n"
    assert not (place.data / "app.env").exists()


def test_force_writes_over_them(place: Place) -> None:
    forced = Place(place.github, place.data, force=True)
    place.data.mkdir()
    (place.data / "app.pem").write_text("another's\n")
    assert forced.get(forced.registered(forced.enter())).status_code == 303
    assert (place.data / "app.pem").read_text().startswith("-----BEGIN ")


def test_a_webhook_without_a_secret_gets_one(place: Place) -> None:
    back = place.registered(place.enter())
    (app,) = place.github.world.apps.values()
    app.webhook_secret, app.webhook_type = "", "form"
    assert place.get(back).status_code == 303
    kept = read_settings(dotenv=place.data / "app.env").github_app().webhook_secret.get_secret_value()
    assert (app.webhook_secret, app.webhook_type) == (kept, "json")
    assert len(kept) == 64


def test_another_method_and_no_manifest_is_refused_by_the_double(place: Place) -> None:
    """The double is as strict as GitHub, or this test would show little."""
    address = f"{place.github.site}/settings/apps/new"
    assert httpx.get(address).status_code == 404
    for manifest in ("", "[]", '{"name": "x"}', '{"url": "https://x", "hook_attributes": {"active": false}}'):
        assert httpx.post(address, data={"manifest": manifest}).status_code == 422
    assert GitHubPlace.of(place.github.site).api == place.github.api_url
