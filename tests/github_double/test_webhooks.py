"""Deliveries: signed, complete, remembered, sent again with the same GUID."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from jsonschema import Draft7Validator

from tests.double import examples, webhooks
from tests.double.server import Credentials, GitHubDouble
from tests.double.state import Json
from tests.github_double.conftest import REPO, Ask


class Receiver(ThreadingHTTPServer):
    """Keeps what it gets; answers ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 202

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers.items()), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def issue(github: GitHubDouble, app: Credentials, receiver: Receiver) -> int:
    github.set_webhook_url(app.app_id, receiver.url)
    return github.create_issue(REPO, "It breaks", "A traceback", author="bob")


def test_githubs_published_vector() -> None:
    signature = webhooks.sign("It's a Secret to Everybody", b"Hello, World!")
    assert signature == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_labelling_changes_the_issue_and_delivers(
    github: GitHubDouble, app: Credentials, receiver: Receiver, issue: int
) -> None:
    delivery = github.label_issue(REPO, issue, "codeagent", actor="alice")
    (headers, body), payload = receiver.got[0], json.loads(receiver.got[0][1])
    expected = hmac.new(app.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
    assert (headers["X-GitHub-Event"], headers["X-GitHub-Delivery"]) == ("issues", delivery.guid)
    assert (headers["Content-Type"], delivery.status_code, delivery.ok) == ("application/json", 202, True)
    assert (payload["action"], payload["label"]["name"]) == ("labeled", "codeagent")
    assert (payload["sender"]["login"], payload["installation"]["id"]) == ("alice", app.installation_id)
    assert (payload["repository"]["full_name"], payload["issue"]["number"]) == (REPO, issue)
    assert github.issue(REPO, issue).label_names == ("codeagent",)


def test_a_comment_delivers(github: GitHubDouble, receiver: Receiver, issue: int) -> None:
    github.comment_issue(REPO, issue, "/codeagent fix", actor="alice")
    payload = json.loads(receiver.got[0][1])
    assert (payload["action"], payload["comment"]["body"]) == ("created", "/codeagent fix")
    assert payload["comment"]["user"]["login"] == payload["sender"]["login"] == "alice"


def test_a_redelivery_has_the_same_guid_and_bytes(
    github: GitHubDouble, receiver: Receiver, issue: int
) -> None:
    receiver.status = 500
    first = github.label_issue(REPO, issue, "codeagent")
    assert first.status == "Invalid HTTP Response: 500"
    receiver.status = 202
    second = github.redeliver(first.guid)
    assert (second.guid, second.redelivery, second.ok) == (first.guid, True, True)
    assert receiver.got[0] == receiver.got[1]


def test_the_log_of_deliveries_and_another_attempt(
    github: GitHubDouble, receiver: Receiver, issue: int, ask_app: Ask
) -> None:
    receiver.status = 503
    failed = github.label_issue(REPO, issue, "codeagent")
    receiver.status = 202
    github.unlabel_issue(REPO, issue, "codeagent")
    rows = ask_app("GET", "/app/hook/deliveries").json()
    assert [(each["event"], each["action"], each["status_code"]) for each in rows] == [
        ("issues", "unlabeled", 202),
        ("issues", "labeled", 503),
    ]
    assert [each["guid"] for each in ask_app("GET", "/app/hook/deliveries?status=failure").json()] == [
        failed.guid
    ]
    first = ask_app("GET", "/app/hook/deliveries?per_page=1")
    assert [each["guid"] for each in ask_app("GET", first.links["next"]["url"]).json()] == [failed.guid]
    full = ask_app("GET", f"/app/hook/deliveries/{failed.id}").json()
    assert (full["request"]["payload"]["action"], full["response"]["payload"]) == ("labeled", "ok")
    assert ask_app("POST", f"/app/hook/deliveries/{failed.id}/attempts").status_code == 202
    github.hooks.join()
    assert [each["redelivery"] for each in ask_app("GET", "/app/hook/deliveries").json()] == [
        True,
        False,
        False,
    ]
    assert receiver.got[0] == receiver.got[2]
    assert github.rest.answer_violations == []


def test_nobody_listens(github: GitHubDouble, issue: int) -> None:
    delivery = github.label_issue(REPO, issue, "codeagent", to="http://127.0.0.1:9/webhook")
    assert (delivery.status_code, delivery.status) == (0, "failed to connect to host")


def test_a_delivery_for_another_client(github: GitHubDouble, issue: int) -> None:
    payload = github.issues_payload(REPO, issue, "labeled", "alice", "codeagent")
    headers, body = github.signed("issues", payload, guid="g-1")
    assert headers["X-Hub-Signature-256"] == webhooks.sign("It's a Secret to Everybody", body)
    assert headers["X-GitHub-Delivery"] == "g-1"


# -- against what Octokit publishes ---------------------------------------------------------------------


def _schema(definition: str) -> Draft7Validator:
    path = examples.INDEX.parents[2] / "webhooks-schemas" / "schema.json"
    whole = json.loads(path.read_bytes())
    return Draft7Validator({**whole, "oneOf": [{"$ref": f"#/definitions/{definition}"}]})


def _missing(definition: str, payload: Json) -> list[str]:
    """What the schema wants and the payload has not. New fields are none of it: the schema is of 2022."""
    found, errors = [], list(_schema(definition).iter_errors(payload))
    while errors:
        error = errors.pop()
        errors += error.context or []
        if error.validator == "required":
            found.append(f"{error.json_path}: {error.message}")
    return found


@pytest.mark.npm
def test_payloads_have_every_field_that_octokit_knows(
    github: GitHubDouble, receiver: Receiver, issue: int
) -> None:
    github.label_issue(REPO, issue, "codeagent")
    github.comment_issue(REPO, issue, "hello")
    labelled, commented = (json.loads(body) for _, body in receiver.got)
    assert _missing("issues$labeled", labelled) == []
    assert _missing("issue_comment$created", commented) == []


@pytest.mark.npm
def test_all_of_octokits_examples_are_there() -> None:
    rows = list(examples.payloads())
    assert (len(rows), len({event for event, _ in rows})) == (329, 58)
    assert {"issues", "issue_comment", "installation", "push"} <= {event for event, _ in rows}
