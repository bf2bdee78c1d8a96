"""The App itself: installations, their tokens, its webhook deliveries, rate limits."""

from __future__ import annotations

from collections.abc import Iterable

from tests.double.auth import issue_token
from tests.double.clock import stamp
from tests.double.state import RANK, Delivery, Installation, Json, Repository
from tests.double.web import Answer, Call, RefusedError, Route, not_found, route


def get_app(call: Call) -> Answer:
    count = sum(1 for each in call.world.installations.values() if each.app is call.app)
    return Answer(body={**call.shapes.app(call.app), "installations_count": count})


def _own(call: Call, installation: Installation | None) -> Installation:
    if installation is None or installation.app is not call.app:
        raise not_found()
    return installation


def _installation(call: Call) -> Installation:
    return _own(call, call.world.installations.get(call.number("installation_id")))


def list_installations(call: Call) -> Answer:
    own = [each for each in call.world.installations.values() if each.app is call.app]
    return call.page([call.shapes.installation(each) for each in own])


def get_installation(call: Call) -> Answer:
    return Answer(body=call.shapes.installation(_installation(call)))


def get_repository_installation(call: Call) -> Answer:
    covering = [
        each
        for each in call.world.installations.values()
        if each.app is call.app and call.repository in call.world.reachable(each)
    ]
    return Answer(body=call.shapes.installation(_own(call, covering[0] if covering else None)))


def create_token(call: Call) -> Answer:
    installation = _installation(call)
    if installation.suspended is not None:
        raise RefusedError(403, "This installation has been suspended")
    scope = _scope(call, installation)
    permissions = call.json.get("permissions")
    granted = installation.permissions if permissions is None else _narrowed(installation, permissions)
    token = issue_token(call.world, installation, scope, granted)
    return Answer(status=201, body=call.shapes.token(token))


def _scope(call: Call, installation: Installation) -> frozenset[int] | None:
    """The repositories that the token is limited to. One that the installation does not cover refuses
    the whole."""
    reachable = call.world.reachable(installation)
    ids, names = call.json.get("repository_ids"), call.json.get("repositories")
    if ids is None and names is None:
        return None if installation.repositories is None else frozenset(each.id for each in reachable)
    wanted: list[Repository | None] = [_find(reachable, number=each) for each in ids or ()]
    wanted += [_find(reachable, name=each) for each in names or ()]
    if None in wanted:
        raise RefusedError(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent "
            "installation.",
        )
    return frozenset(each.id for each in wanted if each is not None)


def _find(
    reachable: Iterable[Repository], *, number: int | None = None, name: str | None = None
) -> Repository | None:
    for each in reachable:
        if each.id == number or (name is not None and each.name.lower() == name.lower()):
            return each
    return None


def _narrowed(installation: Installation, asked: Json) -> dict[str, str]:
    held = {"metadata": "read", **installation.permissions}
    if any(RANK[level] > RANK[held.get(permission, "none")] for permission, level in asked.items()):
        raise RefusedError(422, "The permissions requested are not granted to this installation.")
    return dict(asked)


def revoke_token(call: Call) -> Answer:
    call.token.revoked = True
    return Answer(status=204)


def get_user(call: Call) -> Answer:
    user = call.world.users.get(call.params["username"].lower())
    if user is None:
        raise not_found()
    unsaid = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    times = dict.fromkeys(("created_at", "updated_at"), stamp(call.world.clock.now()))
    return Answer(body={**call.shapes.user(user), **unsaid, **counts, **times})


def list_repositories(call: Call) -> Answer:
    token = call.token
    seen = [
        each
        for each in call.world.reachable(token.installation)
        if token.repositories is None or each.id in token.repositories
    ]
    selection = "all" if token.installation.repositories is None else "selected"
    return call.page(
        [call.shapes.repository(each) for each in seen],
        lambda rows: {"total_count": len(seen), "repository_selection": selection, "repositories": rows},
    )


def rate_limit(call: Call) -> Answer:
    reset = int(call.world.clock.now().timestamp()) + 3600
    core = {"limit": 5000, "used": 1, "remaining": 4999, "reset": reset}
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": reset}
    return Answer(body={"resources": {"core": core, "search": search, "graphql": core}, "rate": core})


# -- deliveries ------------------------------------------------------------------------------------------


def _item(delivery: Delivery) -> Json:
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(delivery.delivered),
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.payload.get("action"),
        "installation_id": (delivery.payload.get("installation") or {}).get("id"),
        "repository_id": (delivery.payload.get("repository") or {}).get("id"),
        "throttled_at": None,
    }


def _deliveries(call: Call) -> list[Delivery]:
    """Newest first, as GitHub lists them."""
    newest = sorted(call.world.deliveries, key=lambda one: -one.id)
    return [each for each in newest if each.app is call.app]


def list_deliveries(call: Call) -> Answer:
    """Paged by cursor (the id to go on below), not by page number."""
    query = call.request.query
    size = min(max(int(query.get("per_page", "30")), 1), 100)
    rows = [
        each
        for each in _deliveries(call)
        if "status" not in query or each.ok == (query["status"] == "success")
    ]
    if "cursor" in query:
        rows = [each for each in rows if each.id < int(query["cursor"])]
    page = rows[:size]
    headers = {}
    if len(rows) > size:
        address = f"{call.shapes.api}{call.request.path}?per_page={size}&cursor={page[-1].id}"
        headers["Link"] = f'<{address}>; rel="next"'
    return Answer(body=[_item(each) for each in page], headers=headers)


def _delivery(call: Call) -> Delivery:
    number = call.number("delivery_id")
    found = next((each for each in _deliveries(call) if each.id == number), None)
    if found is None:
        raise not_found()
    return found


def get_delivery(call: Call) -> Answer:
    found = _delivery(call)
    request = {"headers": found.request_headers, "payload": found.payload}
    response = {"headers": found.response_headers, "payload": found.response_body}
    return Answer(body={**_item(found), "url": found.url, "request": request, "response": response})


def redeliver(call: Call) -> Answer:
    call.redeliver(_delivery(call).id)
    return Answer(status=202, body={})


ROUTES: tuple[Route, ...] = (
    route("GET", "/app", get_app, who="app"),
    route("GET", "/app/installations", list_installations, who="app"),
    route("GET", "/app/installations/{installation_id}", get_installation, who="app"),
    route(
        "POST", "/app/installations/{installation_id}/access_tokens", create_token, who="app", creates="token"
    ),
    route("GET", "/repos/{owner}/{repo}/installation", get_repository_installation, who="app"),
    route("GET", "/installation/repositories", list_repositories),
    route("DELETE", "/installation/token", revoke_token),
    route("GET", "/users/{username}", get_user, who="anyone"),
    route("GET", "/rate_limit", rate_limit, who="anyone"),
    route("GET", "/app/hook/deliveries", list_deliveries, who="app"),
    route("GET", "/app/hook/deliveries/{delivery_id}", get_delivery, who="app"),
    route("POST", "/app/hook/deliveries/{delivery_id}/attempts", redeliver, who="app"),
)
