"""How an App comes to be, and its webhook: the manifest flow and /app/hook/config.

The form that a set-up posts is answered as if the person at once clicked "Create GitHub App": with a redirect
to ``redirect_url``, with a code that is good once and for an hour. What GitHub would not take is refused.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from tests.double.auth import key_pair
from tests.double.state import App, Conversion, Json, World
from tests.double.web import Answer, Call, RefusedError, Request, Route, not_found, route

NEW_APP = re.compile(r"(?:/organizations/(?P<org>[^/]+))?/settings/apps/new")
REGISTRANT = "app-owner"
LIFE = timedelta(hours=1)
KNOWN = {
    "name": str,
    "url": str,
    "hook_attributes": dict,
    "redirect_url": str,
    "callback_urls": list,
    "setup_url": str,
    "description": str,
    "public": bool,
    "default_events": list,
    "default_permissions": dict,
    "request_oauth_on_install": bool,
    "setup_on_update": bool,
}
# event -> permissions of which one is enough, from GitHub's "Webhook events and payloads"
EVENTS = {
    "issues": ("issues",),
    "issue_comment": ("issues", "pull_requests"),
    "pull_request": ("pull_requests",),
    "pull_request_review": ("pull_requests",),
    "pull_request_review_comment": ("pull_requests",),
    "check_run": ("checks",),
    "check_suite": ("checks",),
    "workflow_run": ("actions",),
}


def page(world: World, request: Request) -> Answer | None:
    """GitHub's own pages, as far as the flow needs them; None: another address."""
    found = NEW_APP.fullmatch(request.path)
    if found is None:
        return None
    if request.method != "POST":
        return RefusedError(404, "Not Found").answer()
    manifest = json.loads(dict(parse_qsl(request.body.decode())).get("manifest", "null"))
    if problems := list(_problems(manifest)):
        text = "Invalid GitHub App configuration. " + "; ".join(problems)
        return Answer(status=422, body=text.encode(), headers={"Content-Type": "text/html"})
    with world.lock:
        code = _register(world, manifest, found["org"] or REGISTRANT, bool(found["org"]))
    query = {"code": code, **({"state": request.query["state"]} if "state" in request.query else {})}
    return Answer(status=302, headers={"Location": f"{manifest['redirect_url']}?{urlencode(query)}"})


def _problems(manifest: Json | None) -> Iterator[str]:
    if not isinstance(manifest, dict):
        yield "the manifest is no JSON object"
        return
    for name, value in manifest.items():
        if name not in KNOWN or not isinstance(value, KNOWN[name]):
            yield f"{name} is not supported"
    if not manifest.get("url") or not manifest.get("hook_attributes", {"url": "-"}).get("url"):
        yield '"url" wasn\'t supplied'
    if not set(manifest.get("hook_attributes", {})) <= {"url", "active"}:
        yield "hook_attributes has what is not supported"
    if len(manifest.get("name", "")) > 34:
        yield "name is too long"
    permissions = manifest.get("default_permissions", {})
    for event in manifest.get("default_events", ()):
        if not any(need in permissions for need in EVENTS.get(event, ())):
            yield f"{event} needs a permission that is not asked for"


def _register(world: World, manifest: Json, owner: str, is_organization: bool) -> str:
    private, public = key_pair(len(world.apps))
    number, slug = world.id(), re.sub(r"[^a-z0-9]+", "-", manifest["name"].lower())
    app = App(
        id=number,
        slug=slug,
        name=manifest["name"],
        client_id=f"Iv23li{number:014d}",
        public_key=public,
        webhook_secret=secrets.token_hex(20),
        webhook_url=manifest["hook_attributes"]["url"],
        permissions=dict(manifest["default_permissions"]),
        events=tuple(manifest["default_events"]),
        owner=world.user(owner, kind="Organization" if is_organization else "User"),
        bot=world.user(f"{slug}[bot]", kind="Bot"),
        created=world.clock.now(),
    )
    world.apps[number] = app
    code = secrets.token_hex(20)
    world.conversions[code] = Conversion(app=app, private_key=private, ends=world.clock.now() + LIFE)
    return code


def convert(call: Call) -> Answer:
    made = call.world.conversions.pop(call.params["code"], None)
    if made is None or made.ends <= call.world.clock.now():
        raise not_found()
    secrets_ = {
        "client_id": made.app.client_id,
        "client_secret": secrets.token_hex(20),
        "webhook_secret": made.app.webhook_secret or None,
        "pem": made.private_key,
    }
    return Answer(status=201, body={**call.shapes.app(made.app), **secrets_})


def _config(app: App) -> Json:
    return {
        "url": app.webhook_url or "",
        "content_type": app.webhook_type,
        "insecure_ssl": "0",
        **({"secret": "********"} if app.webhook_secret else {}),
    }


def get_config(call: Call) -> Answer:
    return Answer(body=_config(call.app))


def update_config(call: Call) -> Answer:
    app = call.app
    app.webhook_secret = call.json.get("secret", app.webhook_secret)
    app.webhook_url = call.json.get("url", app.webhook_url)
    app.webhook_type = call.json.get("content_type", app.webhook_type)
    return Answer(body=_config(app))


ROUTES: tuple[Route, ...] = (
    route("POST", "/app-manifests/{code}/conversions", convert, who="anyone"),
    route("GET", "/app/hook/config", get_config, who="app"),
    route("PATCH", "/app/hook/config", update_config, who="app"),
)
