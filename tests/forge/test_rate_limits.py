"""Threat 23: after a rate limit nothing is sent before its time, and a thread sleeps only for short ones."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

from bot.errors import ConfigError, ForgeUnavailable
from bot.forge import Forge
from bot.github.client import AppKeys, GitHubForges, Habits, Link
from bot.github.pacing import Pace
from tests.double.faults import Fault, PrimaryRateLimit, SecondaryRateLimit, Status
from tests.forge.conftest import DEMO, Stage

MARKER = "<!-- m -->"


@pytest.mark.parametrize(
    "fault",
    [
        SecondaryRateLimit(retry_after=5),
        SecondaryRateLimit(retry_after=5, status=429),
        PrimaryRateLimit(reset=6),
        PrimaryRateLimit(reset=6, status=429),
    ],
    ids=str,
)
def test_a_short_limit_is_slept_through(fault: Fault, stage: Stage, forge: Forge) -> None:
    stage.github.faults.add("POST", r"/comments$", fault)
    forge.upsert_comment(stage.issue, MARKER, "Hello.")
    assert len(stage.github.comments(DEMO, stage.issue)) == 1
    assert 4 <= sum(stage.time.slept) <= 7


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (SecondaryRateLimit(retry_after=120), 120),
        (PrimaryRateLimit(reset=900), 900),
        (Status(429), 60),
        (Status(403, "You have exceeded a secondary rate limit."), 60),
    ],
    ids=str,
)
def test_a_long_limit_is_left_to_the_durable_layer(
    fault: Fault, wait: float, stage: Stage, forges: GitHubForges, forge: Forge
) -> None:
    stage.github.faults.add("POST", r"/comments$", fault)
    with pytest.raises(ForgeUnavailable, match="refused to comment on issue 1 in octo/demo: 4") as caught:
        forge.upsert_comment(stage.issue, MARKER, "Hello.")
    assert caught.value.retry_after == pytest.approx(wait, abs=2)
    assert stage.time.slept == []
    before = len(stage.github.requests)
    other = stage.forges()  # another program: it learns by itself
    same = forges
    with pytest.raises(ForgeUnavailable, match="rate limit lasts until"):
        forge.issue(stage.issue)
    fresh = same.open(stage.ref)  # the App's own requests have another limit
    with pytest.raises(ForgeUnavailable, match="rate limit lasts until"):
        fresh.issue(stage.issue)
    asked = [each.path for each in stage.github.requests[before:]]
    assert all(path.startswith("/app/") for path in asked), "nothing was sent for this installation"
    stage.time.pass_by(wait + 1)
    forge.upsert_comment(stage.issue, MARKER, "Hello.")
    assert len(stage.github.comments(DEMO, stage.issue)) == 1
    same.close(fresh)
    other.shut()


def test_changes_keep_a_second_apart_for_all_of_an_installation(stage: Stage) -> None:
    forges = stage.forges(pace=Pace())
    one, two = forges.open(stage.ref), forges.open(stage.ref)
    for number in range(4):
        (one, two)[number % 2].upsert_comment(stage.issue, f"<!-- {number} -->", "Hello.")
        one.issue(stage.issue)
    assert sum(stage.time.slept) == pytest.approx(3.0, abs=0.01)
    forges.close(one)
    forges.close(two)
    forges.shut()


def test_a_full_hour_is_left_to_the_durable_layer(stage: Stage) -> None:
    forges = stage.forges(pace=Pace(between=0.0, per_minute=10_000, per_hour=3))
    forge = forges.open(stage.ref)
    for number in range(3):
        forge.upsert_comment(stage.issue, f"<!-- {number} -->", "Hello.")
    with pytest.raises(ForgeUnavailable) as caught:
        forge.upsert_comment(stage.issue, "<!-- 4 -->", "Hello.")
    assert caught.value.retry_after == pytest.approx(3600, abs=5)
    assert len(stage.github.comments(DEMO, stage.issue)) == 3
    stage.time.now += 3700
    forges.close(forge)
    forges.shut()


# --- the transport, without the double --------------------------------------------------------------------


def _forges(stage: Stage, transport: httpx.BaseTransport, **link: object) -> GitHubForges:
    keys = AppKeys(issuer="1", private_key=stage.credentials.private_key)
    plain = Link(api_url="https://ghes.example.org/api/v3", transport=transport)
    habits = Habits(clock=stage.time.clock, sleep=stage.time.sleep, pace=Pace(between=0))
    return GitHubForges(keys, dataclasses.replace(plain, **link), habits=habits)  # type: ignore[arg-type]


def test_a_server_that_cannot_be_reached(stage: Stage) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    forges = _forges(stage, httpx.MockTransport(refuse))
    with pytest.raises(ForgeUnavailable, match=r"give a token for octo/demo .*ConnectError no route"):
        forges.open(stage.ref)
    assert stage.time.slept == [1.0, 2.0, 4.0]
    forges.shut()


@pytest.mark.parametrize(
    "header", ["Fri, 31 Dec 1999 23:59:59 GMT", "soon", "-5", "1e9", "９", "", "9" * 400]
)
def test_no_header_breaks_anything(header: str, stage: Stage) -> None:
    def limited(_: httpx.Request) -> httpx.Response:
        headers = [(b"retry-after", header.encode()), (b"x-ratelimit-reset", header.encode())]
        return httpx.Response(429, headers=headers, json={"message": None, "errors": "x"})

    forges = _forges(stage, httpx.MockTransport(limited))
    with pytest.raises(ForgeUnavailable) as caught:
        forges.open(stage.ref)
    assert caught.value.retry_after is not None
    assert 0 <= caught.value.retry_after <= 3600
    forges.shut()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b"<html>", b'{"token": 1}', b'{"token": ""}', b"\xff"]
)
def test_no_answer_breaks_anything(body: bytes, stage: Stage) -> None:
    forges = _forges(stage, httpx.MockTransport(lambda _: httpx.Response(201, content=body)))
    with pytest.raises(ForgeUnavailable, match="could not be understood"):
        forges.open(stage.ref)
    forges.shut()


def test_what_every_request_carries(stage: Stage) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"token": "ghs_1", "number": 1})

    forges = _forges(stage, httpx.MockTransport(answer), api_version="2022-11-28", user_agent="me")
    forge = forges.open(stage.ref)
    forge.issue(1)
    forges.close(forge)
    forges.shut()
    assert [each.url.path for each in seen] == [
        f"/api/v3/app/installations/{stage.ref.installation}/access_tokens",
        "/api/v3/repos/octo/demo/issues/1",
        "/api/v3/installation/token",
    ]
    for request in seen:
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert request.headers["User-Agent"] == "me"
        assert request.extensions["timeout"] == {"connect": 10, "read": 30, "write": 10, "pool": 10}


def test_connections_are_kept(stage: Stage, forge: Forge) -> None:
    """One client for a Forge: githubkit alone makes one for each request."""
    kept = vars(forge.access._session.connection)["_kept"]  # type: ignore[attr-defined]
    forge.issue(stage.issue)
    forge.issue(stage.issue)
    assert vars(forge.access._session.connection)["_kept"] is kept  # type: ignore[attr-defined]
    assert not kept.is_closed


@pytest.mark.parametrize(
    "key", ["", "key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"]
)
def test_a_key_that_cannot_sign_is_said_at_the_start(key: str) -> None:
    with pytest.raises(ConfigError, match=r"private key cannot sign .*\.pem") as caught:
        GitHubForges(AppKeys(issuer="1", private_key=key))
    assert "AAAA" not in str(caught.value)
