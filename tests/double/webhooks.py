"""Deliveries as GitHub makes them: complete payloads, signed over the raw bytes, kept for redelivery."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.double import shapes_pulls
from tests.double.shapes import Shapes, node_id
from tests.double.state import (
    App,
    Comment,
    Delivery,
    Installation,
    Issue,
    Json,
    Label,
    Repository,
    User,
    World,
)

TIMEOUT = 10.0  # seconds that GitHub waits for an answer


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers_of(app: App, event: str, guid: str, body: bytes) -> dict[str, str]:
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/d0ub1e0",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(app.id + 5000),
        "X-GitHub-Hook-Installation-Target-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature": "sha1=" + hmac.new(app.webhook_secret.encode(), body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": sign(app.webhook_secret, body),
    }


@dataclass(slots=True)
class Hooks:
    """Sends, and writes down what came back."""

    world: World
    _threads: list[threading.Thread] = field(default_factory=list)

    def deliver(
        self, app: App, event: str, payload: Json, url: str, guid: str | None, *, again: bool = False
    ) -> Delivery:
        body = json.dumps(payload).encode()
        delivery = Delivery(
            id=self.world.id(),
            guid=guid or str(uuid.uuid4()),
            app=app,
            event=event,
            payload=payload,
            url=url,
            delivered=self.world.clock.now(),
            redelivery=again,
        )
        delivery.request_headers = headers_of(app, event, delivery.guid, body)
        started = time.monotonic()
        _post(delivery, body)
        delivery.duration = round(time.monotonic() - started, 2)
        with self.world.lock:
            self.world.deliveries.append(delivery)
        return delivery

    def redeliver(self, delivery_id: int) -> Delivery:
        """The same GUID and bytes again, as GitHub does."""
        with self.world.lock:
            old = next(each for each in self.world.deliveries if each.id == delivery_id)
        return self.deliver(old.app, old.event, old.payload, old.url, old.guid, again=True)

    def redeliver_later(self, delivery_id: int) -> None:
        """The API answers 202 before it delivers."""
        thread = threading.Thread(target=self.redeliver, args=(delivery_id,), name="redelivery")
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        while self._threads:
            self._threads.pop().join()


def _post(delivery: Delivery, body: bytes) -> None:
    target = urlsplit(delivery.url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=TIMEOUT)
    try:
        connection.request("POST", target.path or "/", body=body, headers=delivery.request_headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as problem:
        delivery.status_code, delivery.status = (
            0,
            "timed out" if isinstance(problem, TimeoutError) else "failed to connect to host",
        )
    else:
        delivery.status_code, delivery.response_body = answer.status, text
        delivery.response_headers = dict(answer.getheaders())
        delivery.status = "OK" if delivery.ok else f"Invalid HTTP Response: {answer.status}"
    finally:
        connection.close()


# -- payloads --------------------------------------------------------------------------------------------


def frame(shapes: Shapes, repository: Repository, sender: User, installation: Installation | None) -> Json:
    shape = {**shapes.repository(repository), "custom_properties": {}}
    frame: Json = {"repository": shape, "sender": shapes.user(sender)}
    if repository.owner.kind == "Organization":
        owner = repository.owner
        url = f"{shapes.api}/orgs/{owner.login}"
        frame["organization"] = {
            "login": owner.login,
            "id": owner.id,
            "node_id": node_id("O", owner.id),
            "url": url,
            **{f"{name}_url": f"{url}/{name}" for name in ("repos", "events", "hooks", "issues")},
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"{shapes.site}/avatars/u/{owner.id}?v=4",
            "description": "",
        }
    if installation is not None:
        frame["installation"] = {"id": installation.id, "node_id": node_id("MDIz", installation.id)}
    return frame


def issues(
    shapes: Shapes,
    repository: Repository,
    action: str,
    issue: Issue,
    sender: User,
    installation: Installation | None,
    label: Label | None = None,
) -> Json:
    payload: Json = {"action": action, "issue": shapes.issue(repository, issue)}
    if label is not None:
        payload["label"] = shapes.label(repository, label)
    return {**payload, **frame(shapes, repository, sender, installation)}


def issue_comment(
    shapes: Shapes,
    repository: Repository,
    action: str,
    issue: Issue,
    comment: Comment,
    installation: Installation | None,
) -> Json:
    return {
        "action": action,
        "issue": shapes.issue(repository, issue),
        "comment": shapes.comment(repository, issue, comment),
        **frame(shapes, repository, comment.user, installation),
    }


def pull_request(
    shapes: Shapes,
    repository: Repository,
    action: str,
    issue: Issue,
    sender: User,
    installation: Installation | None,
) -> Json:
    assert issue.pull is not None
    return {
        "action": action,
        "number": issue.number,
        "pull_request": shapes_pulls.full(shapes, repository, issue, issue.pull),
        **frame(shapes, repository, sender, installation),
    }
