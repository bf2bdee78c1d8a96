"""The application over HTTP, with a queue in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bot.app import WebPorts, create_app
from bot.deliveries.webhook import sign
from bot.queue import Ending, Enqueued, JobResult, JobState, JobView, QueueUnavailable, Reply, TaskRequest
from bot.triggers import TriggerPolicy

SECRET = b"a secret for tests"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
JOB = "0123456789abcdef0123456789abcdef"
PAYLOAD: dict[str, Any] = {
    "action": "labeled",
    "label": {"name": "codeagent"},
    "issue": {"number": 7, "title": "It breaks", "state": "open", "user": {"login": "ann"}},
    "repository": {"id": 5, "full_name": "owner/name"},
    "installation": {"id": 6},
    "sender": {"login": "bob", "type": "User"},
}


@dataclass
class MemoryJobs:
    requests: list[TaskRequest] = field(default_factory=list)
    down: bool = False
    replies: list[Reply] = field(default_factory=list)
    asking: bool = False
    stopped: list[str] = field(default_factory=list)
    refused: bool = False

    def enqueue(self, request: TaskRequest) -> Enqueued:
        if self.down:
            raise QueueUnavailable("the disk is full")
        self.requests.append(request)
        return Enqueued(job_id=JOB, new=len(self.requests) == 1)

    def reply(self, reply: Reply) -> Enqueued | None:
        if self.down:
            raise QueueUnavailable("the disk is full")
        self.replies.append(reply)
        return Enqueued(job_id=JOB, new=True) if self.asking else None

    def status(self, job_id: str) -> JobView | None:
        if self.down:
            raise QueueUnavailable("the disk is full")
        if job_id != JOB or not self.requests:
            return None
        result = JobResult(ending=Ending.REFUSED, summary="") if self.refused else None
        return JobView(job_id=JOB, state=JobState.QUEUED, request=self.requests[0], result=result)

    def cancel(self, job_id: str) -> bool:
        return job_id == JOB

    def latest(self, subject: str) -> JobView | None:
        view = self.status(JOB)
        return view if view is not None and view.request.subject == subject else None

    def ahead(self, job_id: str) -> int:
        return int(job_id != JOB)

    def stop(self, subject: str) -> str | None:
        if self.latest(subject) is None:
            return None
        self.stopped.append(subject)
        return JOB

    def launch(self) -> None:
        """Nothing to start."""

    def shutdown(self, timeout: float) -> None:
        """Nothing to stop."""


@pytest.fixture
def jobs() -> MemoryJobs:
    return MemoryJobs()


def web(jobs: MemoryJobs) -> WebPorts:
    return WebPorts(
        jobs=jobs,
        secret=SECRET,
        policy=TriggerPolicy(),
        page=lambda view: f"<p>{view.state.value}</p>",
        journal=lambda run: f"journal of {run}" if run == JOB else None,
        body_cap=10_000,
    )


@dataclass
class Client:
    """One request at a time, without a socket. (FastAPI's own test client wants another HTTP library.)"""

    app: FastAPI

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@pytest.fixture
def client(jobs: MemoryJobs) -> Client:
    return Client(create_app(web(jobs)))


def post(client: Client, body: bytes, **changes: str | None) -> Any:
    headers = {
        "X-Hub-Signature-256": sign(SECRET, body),
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": GUID,
        "Content-Type": "application/json",
    }
    for name, value in changes.items():
        key = name.replace("_", "-")
        headers = {k: v for k, v in headers.items() if k.lower() != key.lower()}
        if value is not None:
            headers[key] = value
    return client.post("/webhook", content=body, headers=headers)


def test_a_wanted_delivery_is_accepted(client: Client, jobs: MemoryJobs) -> None:
    answer = post(client, json.dumps(PAYLOAD).encode())
    assert answer.status_code == 202
    assert answer.json() == {"reason": "accepted", "status": "accepted", "job": JOB, "new": True}
    assert [request.issue for request in jobs.requests] == [7]


def test_an_unwanted_one_is_told_why(client: Client, jobs: MemoryJobs) -> None:
    answer = post(client, json.dumps(PAYLOAD | {"action": "opened"}).encode())
    assert answer.status_code == 200
    assert (
        answer.json()["reason"]
        == "issues.opened: an issue alone asks for nothing; a label, a command or an assignment does"
    )
    assert jobs.requests == []


COMMENT: dict[str, Any] = {
    **{key: value for key, value in PAYLOAD.items() if key != "label"},
    "action": "created",
    "comment": {"id": 11, "body": "It should be 0.", "user": {"login": "bob"}},
}


def test_a_comment_answers_when_a_question_is_open(client: Client, jobs: MemoryJobs) -> None:
    body = json.dumps(COMMENT).encode()
    answer = post(client, body, X_GitHub_Event="issue_comment")
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "no question is open" in answer.json()["reason"]
    jobs.asking = True
    answer = post(client, body, X_GitHub_Event="issue_comment")
    assert answer.status_code == 202
    assert answer.json() == {"reason": "accepted", "status": "accepted", "job": JOB, "new": True}
    assert jobs.replies[-1].text == "It should be 0."
    assert jobs.replies[-1].subject == "6/5/issue/7"
    jobs.down = True
    assert post(client, body, X_GitHub_Event="issue_comment").status_code == 503


def test_the_end_of_an_issue_stops_its_job(client: Client, jobs: MemoryJobs) -> None:
    body = json.dumps(PAYLOAD | {"action": "closed"}).encode()
    answer = post(client, body)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "nothing was at work" in answer.json()["reason"]
    post(client, json.dumps(PAYLOAD).encode())
    answer = post(client, body)
    assert answer.status_code == 202
    assert answer.json() == {"reason": "the issue was closed", "status": "accepted", "stopped": [JOB]}
    assert jobs.stopped == ["6/5/issue/7"]
    jobs.down = True
    assert post(client, body).status_code == 503


def test_run_again_asks_with_the_same_text_on_another_word(client: Client, jobs: MemoryJobs) -> None:
    frame = {key: PAYLOAD[key] for key in ("repository", "installation")}
    check = {"id": 1, "name": "CodeAgent", "external_id": "codeagent/issue/7", "app": {"slug": "codeagent"}}
    body = json.dumps(
        {**frame, "action": "rerequested", "sender": {"login": "eve"}, "check_run": check}
    ).encode()
    client.app = create_app(replace(web(jobs), policy=TriggerPolicy(app_login="codeagent[bot]")))
    answer = post(client, body, X_GitHub_Event="check_run", X_GitHub_Delivery="another-guid")
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    post(client, json.dumps(PAYLOAD).encode())
    assert post(client, body, X_GitHub_Event="check_run", X_GitHub_Delivery="another-guid").status_code == 202
    first, second = jobs.requests
    assert second == replace(first, delivery="another-guid", sender="eve", again=True)
    jobs.refused = True  # by now somebody has asked who may not: his words are not asked again
    answer = post(client, body, X_GitHub_Event="check_run", X_GitHub_Delivery="another-guid")
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")


OK = json.dumps(PAYLOAD).encode()
WRONG: list[tuple[bytes, dict[str, str | None], int]] = [
    (OK, {"X_Hub_Signature_256": None}, 401),
    (OK, {"X_Hub_Signature_256": ""}, 401),
    (OK, {"X_Hub_Signature_256": "sha256=0"}, 401),
    (OK, {"X_Hub_Signature_256": "sha256=" + "0" * 64}, 401),
    (OK, {"X_Hub_Signature_256": "sha1=" + "0" * 40}, 401),
    (OK, {"X_Hub_Signature_256": sign(b"another", OK)}, 401),
    (OK, {"X_Hub_Signature_256": sign(SECRET, OK).upper()}, 401),
    (OK, {"X_Hub_Signature_256": None, "X_Hub_Signature": "sha1=" + "0" * 40}, 401),
    (OK, {"X_GitHub_Event": None}, 400),
    (OK, {"X_GitHub_Delivery": None}, 400),
    (OK, {"X_GitHub_Delivery": "../../etc/passwd"}, 400),
    (OK, {"Content_Type": None}, 415),
    (OK, {"Content_Type": "application/x-www-form-urlencoded"}, 415),
    (OK, {"Content_Type": "application/jsonx"}, 415),
    (b"{", {}, 400),
    (b"[" * 5_000, {}, 400),
    (b'{"a":"' + b"x" * 10_000 + b'"}', {}, 413),
    (b"", {}, 400),
]


@pytest.mark.parametrize(("body", "headers", "status"), WRONG)
def test_wrong_deliveries(
    client: Client, jobs: MemoryJobs, body: bytes, headers: dict[str, str | None], status: int
) -> None:
    assert post(client, body, **headers).status_code == status
    assert jobs.requests == []


def test_a_non_ascii_signature_is_refused(client: Client) -> None:
    header = (b"X-Hub-Signature-256", b"sha256=\xe9" + b"0" * 63)
    answer = client.post("/webhook", content=OK, headers=[header])
    assert answer.status_code == 401


def test_a_body_without_a_length_is_cut_off(client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    answer = client.post("/webhook", content=endless(), headers={"X-Hub-Signature-256": "sha256=" + "0" * 64})
    assert answer.status_code == 413


def test_a_queue_that_is_down_says_so(client: Client, jobs: MemoryJobs) -> None:
    jobs.down = True
    answer = post(client, OK)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "disk" not in answer.text


def test_json_with_a_charset_is_json(client: Client) -> None:
    assert post(client, OK, Content_Type="application/json; charset=utf-8").status_code == 202


def test_pages_of_runs(client: Client) -> None:
    assert client.get(f"/runs/{JOB}").status_code == 404
    post(client, OK)
    page = client.get(f"/runs/{JOB}")
    assert (page.status_code, page.text) == (200, "<p>queued</p>")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    journal = client.get(f"/runs/{JOB}/journal")
    assert (journal.status_code, journal.text) == (200, f"journal of {JOB}")
    for strange in ("1", "f" * 32, "..%2f..%2fetc", JOB.upper(), JOB + "0"):
        assert client.get(f"/runs/{strange}").status_code == 404
        assert client.get(f"/runs/{strange}/journal").status_code == 404


def test_health_and_what_is_not_there(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.get("/webhook").status_code == 405
    for path in ("/docs", "/openapi.json", "/redoc", "/"):
        assert client.get(path).status_code == 404


def test_not_ready_says_what_is_missing(jobs: MemoryJobs) -> None:
    answer = Client(create_app(replace(web(jobs), ready=lambda: "no sandbox"))).get("/readyz")
    assert (answer.status_code, answer.text) == (503, "no sandbox\n")


def test_there_is_no_unsigned_mode(jobs: MemoryJobs) -> None:
    with pytest.raises(ValueError, match="secret"):
        create_app(replace(web(jobs), secret=b""))


@pytest.mark.npm
def test_every_example_of_octokit_is_answered_without_an_error(client: Client) -> None:
    root = Path(__file__).parent.parent / "npm/node_modules/@octokit/webhooks-examples/api.github.com"
    client.app = create_app(replace(web(MemoryJobs()), body_cap=1 << 20))
    statuses = [
        post(client, json.dumps(payload).encode(), X_GitHub_Event=event["name"]).status_code
        for event in json.loads((root / "index.json").read_text())
        for payload in event["examples"]
    ]
    assert len(statuses) == 329
    assert set(statuses) <= {200, 202}
