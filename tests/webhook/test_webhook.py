"""Signature, bounds, parsing, triggers: rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deliveries.payloads import MODELS
from bot.deliveries.webhook import Delivery, Malformed, parse, sign, storable, verify, well_formed
from bot.queue import Reply, TaskRequest
from bot.triggers import Again, Checks, Decision, Ignored, Said, Stop, TriggerPolicy, Wanted, decide

# The vector that GitHub publishes in "Validating webhook deliveries".
SECRET = b"It's a Secret to Everybody"
BODY = b"Hello, World!"
GOOD = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"

SIGNATURES = [
    (GOOD, SECRET, True),
    (None, SECRET, False),
    ("", SECRET, False),
    (GOOD, b"another secret", False),
    (GOOD, b"", False),
    (GOOD[:-1], SECRET, False),
    (GOOD + "0", SECRET, False),
    (GOOD + "\n", SECRET, False),
    (" " + GOOD, SECRET, False),
    (GOOD.upper(), SECRET, False),
    ("sha256=" + GOOD[7:].upper(), SECRET, False),
    (GOOD[7:], SECRET, False),
    ("sha1=" + "0" * 40, SECRET, False),
    ("sha1=" + GOOD[7:], SECRET, False),
    ("sha256=" + "0" * 64, SECRET, False),
    ("sha256=" + "\u0660" * 64, SECRET, False),
    ("sha256=\xe9" + GOOD[8:], SECRET, False),
    (GOOD + "," + GOOD, SECRET, False),
]


@pytest.mark.parametrize(("header", "secret", "right"), SIGNATURES)
def test_signatures(header: str | None, secret: bytes, right: bool) -> None:
    assert verify(secret, BODY, header) is right
    assert not (right and not well_formed(header))


@given(st.text() | st.none(), st.binary(max_size=64), st.binary(max_size=64))
def test_no_signature_raises(header: str | None, secret: bytes, body: bytes) -> None:
    assert verify(secret, body, header) is False


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=256))
def test_what_is_signed_verifies(secret: bytes, body: bytes) -> None:
    assert verify(secret, body, sign(secret, body))
    assert not verify(secret, body + b"x", sign(secret, body))


MALFORMED = [
    (None, GUID, b"{}", "X-GitHub-Event"),
    ("Issues!", GUID, b"{}", "X-GitHub-Event"),
    ("x" * 65, GUID, b"{}", "X-GitHub-Event"),
    ("issues", None, b"{}", "X-GitHub-Delivery"),
    ("issues", "", b"{}", "X-GitHub-Delivery"),
    ("issues", "a b c d e f g", b"{}", "X-GitHub-Delivery"),
    ("issues", "0" * 65, b"{}", "X-GitHub-Delivery"),
    ("issues", GUID + "\n", b"{}", "X-GitHub-Delivery"),
    ("issues", GUID, b"", "not JSON"),
    ("issues", GUID, b"{", "not JSON"),
    ("issues", GUID, b"payload=%7B%7D", "not JSON"),
    ("issues", GUID, b'{"a": NaN}', "not JSON"),
    ("issues", GUID, b"\xff\xfe{}", "not JSON"),
    ("issues", GUID, b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
    ("issues", GUID, b"[]", "not a JSON object"),
    ("issues", GUID, b"null", "not a JSON object"),
    ("issues", GUID, b'{"a":' * 80 + b"1" + b"}" * 80, "too deeply"),
    ("issues", GUID, b"[" * 200_000 + b"]" * 200_000, "too deeply"),
]


@pytest.mark.parametrize(("event", "guid", "body", "reason"), MALFORMED)
def test_malformed_deliveries(event: str | None, guid: str | None, body: bytes, reason: str) -> None:
    found = parse(event, guid, body)
    assert isinstance(found, Malformed)
    assert reason in found.reason


def labelled(**changes: Any) -> dict[str, Any]:
    """An ``issues.labeled`` payload; ``a__b`` changes a nested field, None at the end removes nothing."""
    payload: dict[str, Any] = {
        "action": "labeled",
        "label": {"name": "codeagent"},
        "issue": {
            "number": 7,
            "title": "It breaks",
            "body": "Really",
            "state": "open",
            "user": {"login": "ann", "type": "User"},
            "updated_at": "2026-01-02T03:04:05Z",
        },
        "repository": {"id": 5, "full_name": "Owner/Name"},
        "installation": {"id": 6},
        "sender": {"login": "bob", "type": "User"},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = payload
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return payload


POLICY = TriggerPolicy(
    repositories=("owner/*",), bots=frozenset({"friendly[bot]"}), app_login="codeagent[bot]"
)


def decided(payload: dict[str, Any], event: str = "issues") -> Decision:
    delivery = parse(event, GUID, json.dumps(payload).encode())
    assert isinstance(delivery, Delivery)
    return decide(delivery, POLICY)


WANTED: list[dict[str, Any]] = [
    {},
    {"label__name": "CodeAgent"},
    {"issue__body": None},
    {"issue__user": None},
    {"sender": {"login": "friendly[bot]", "type": "Bot"}},
    {"issue__title": "\ud800 \x00 title"},
]


@pytest.mark.parametrize("changes", WANTED)
def test_wanted(changes: dict[str, Any]) -> None:
    found = decided(labelled(**changes))
    assert isinstance(found, Wanted)
    request = found.request
    assert (request.installation, request.repository_id, request.issue) == (6, 5, 7)
    json.dumps(request.title, ensure_ascii=False).encode()
    assert "\x00" not in request.title


def test_the_issue_is_frozen_as_it_was() -> None:
    found = decided(labelled())
    assert isinstance(found, Wanted)
    assert found.request == TaskRequest(
        delivery=GUID,
        installation=6,
        repository_id=5,
        repository="Owner/Name",
        issue=7,
        title="It breaks",
        body="Really",
        author="ann",
        sender="bob",
        label="codeagent",
        asked_at="2026-01-02T03:04:05Z",
    )


IGNORED: list[tuple[dict[str, Any], str]] = [
    ({"action": "opened"}, "asks for nothing"),
    ({"action": "edited"}, "edits are not read"),
    ({"action": "pinned"}, "nothing is asked for"),
    ({"label__name": "bug"}, "not the label"),
    ({"label": ...}, "not the label"),
    ({"issue__state": "closed"}, "not open"),
    ({"issue__pull_request": {"url": "x"}}, "pull request"),
    ({"repository__full_name": "other/name"}, "allowed repositories"),
    ({"repository__archived": True}, "archived"),
    ({"sender": {"login": "other[bot]", "type": "Bot"}}, "bot that is not listed"),
    ({"sender": {"login": "sneaky[bot]", "type": "User"}}, "bot that is not listed"),
    ({"sender": {"login": "someorg", "type": "Organization"}}, "bot that is not listed"),
    ({"sender": {"login": "codeagent[bot]", "type": "Bot"}}, "this App itself"),
    ({"sender": ...}, "no repository, installation or sender"),
    ({"installation": ...}, "no repository, installation or sender"),
    ({"repository": ...}, "no repository, installation or sender"),
    ({"issue": ...}, "lacks a usable issue"),
    ({"issue__number": "seven"}, "lacks a usable issue.number"),
    ({"issue__number": -1}, "lacks a usable issue.number"),
    ({"installation__id": 10**40}, "lacks a usable installation.id"),
    ({"issue": []}, "lacks a usable issue"),
]


@pytest.mark.parametrize(("changes", "reason"), IGNORED)
def test_ignored(changes: dict[str, Any], reason: str) -> None:
    found = decided(labelled(**changes))
    assert isinstance(found, Ignored)
    assert reason in found.reason


def commented(**changes: Any) -> dict[str, Any]:
    """An ``issue_comment.created`` payload, changed as ``labelled`` is."""
    payload = labelled(action="created", label=...)
    payload["comment"] = {"id": 11, "body": "It is 0.", "user": {"login": "bob", "type": "User"}}
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = payload
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return payload


def test_a_persons_comment_may_be_an_answer() -> None:
    found = decided(commented(comment__body="a\x00b"), "issue_comment")
    assert found == Said(
        reply=Reply(
            delivery=GUID,
            installation=6,
            repository_id=5,
            issue=7,
            comment=11,
            author="bob",
            text="a\ufffdb",
        )
    )


NO_ANSWERS = [
    ({"action": "edited"}, "only new comments"),
    ({"action": "deleted"}, "only new comments"),
    ({"sender__login": "codeagent[bot]", "comment__user__login": "codeagent[bot]"}, "App itself"),
    ({"sender": {"login": "codeagent[bot]", "type": "Bot"}, "comment__user": ...}, "App itself"),
    ({"sender__type": "Bot"}, "only people"),
    (
        {
            "sender": {"login": "friendly[bot]", "type": "Bot"},
            "comment__user": {"login": "friendly[bot]", "type": "Bot"},
        },
        "only people",
    ),
    ({"comment__user__login": "ann"}, "somebody else's"),
    ({"comment__user": None}, "somebody else's"),
    ({"issue__state": "closed"}, "not open"),
    ({"issue__pull_request": {"url": "x"}}, "on a pull request"),
    ({"repository__full_name": "other/name"}, "list of allowed"),
    ({"repository__archived": True}, "archived"),
    ({"installation": ...}, "no repository, installation"),
    ({"comment": ...}, "comment"),
]


@pytest.mark.parametrize(("changes", "reason"), NO_ANSWERS)
def test_what_is_no_answer(changes: dict[str, Any], reason: str) -> None:
    found = decided(commented(**changes), "issue_comment")
    assert isinstance(found, Ignored)
    assert reason in found.reason


OTHERS = [
    ("ping", {"zen": "x"}, "pong"),
    ("push", {}, "not used"),
    ("installation", {"action": "created"}, "nothing to do"),
    ("installation_repositories", {"action": "added"}, "nothing to do"),
    (
        "issue_comment",
        {"action": "created", "issue": {"number": 1, "title": "t"}, "comment": {"id": 2}},
        "no repository",
    ),
]


@pytest.mark.parametrize(("event", "payload", "reason"), OTHERS)
def test_other_events(event: str, payload: dict[str, Any], reason: str) -> None:
    found = decided(payload, event)
    assert isinstance(found, Ignored)
    assert reason in found.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
NAMES = {"action", "push"}.union(*(model.model_fields for model in MODELS.values()))
FIELDS = st.sampled_from(sorted(NAMES))


@given(st.sampled_from([*MODELS, "push"]), st.dictionaries(FIELDS, JSON))
def test_nothing_raises(event: str, payload: dict[str, Any]) -> None:
    assert isinstance(decided(payload, event), Wanted | Again | Said | Stop | Ignored)


@given(st.text(), st.integers(0, 50))
def test_storable_text_can_be_stored(text: str, cap: int) -> None:
    stored = storable(text, cap)
    assert len(stored) <= cap
    assert "\x00" not in stored
    stored.encode()


def _examples() -> Iterator[tuple[str, dict[str, Any]]]:
    root = Path(__file__).parent.parent / "npm/node_modules/@octokit/webhooks-examples/api.github.com"
    for event in json.loads((root / "index.json").read_text()):
        for payload in event["examples"]:
            yield event["name"], payload


@pytest.mark.npm
def test_every_example_of_octokit_is_wanted_or_ignored_with_a_reason() -> None:
    seen: dict[str, int] = {}
    for event, payload in _examples():
        payload.setdefault("installation", {"id": 1})
        for change in ({}, {"label": {"name": "codeagent"}}):
            body = json.dumps(payload | change).encode()
            delivery = parse(event, GUID, body)
            assert isinstance(delivery, Delivery), event
            match decide(delivery, TriggerPolicy(checks=Checks.ALL)):
                case Ignored(reason=reason):
                    assert reason
                    # No example of an event that is used may fail for its form.
                    assert "lacks a usable" not in reason, (event, reason)
                case decision:
                    kind = type(decision).__name__
                    seen[kind] = seen.get(kind, 0) + 1
        seen["all"] = seen.get("all", 0) + 1
    assert seen["all"] == 329
    # Labels that are ours, removals and ends; nothing else in them is addressed to this App.
    assert {"Wanted", "Stop", "Said"} < seen.keys()
