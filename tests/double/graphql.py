"""The GraphQL operations that REST lacks: the threads of a pull request, resolving one, whose token it is.

Recognised by their fields, not executed: a query for anything else is a violation.
"""

from __future__ import annotations

import re

from tests.double.auth import authorize
from tests.double.shapes import Shapes, node_id
from tests.double.state import Issue, Json, Repository, ReviewComment, World
from tests.double.web import Answer, Call, Caller, Request, Route, not_found, route

PATH = "/api/graphql"
_THREADS = re.compile(r"repository\(.*pullRequest\(.*reviewThreads\(.*fullDatabaseId.*pageInfo", re.S)
_VIEWER = re.compile(r"query\s*\{\s*viewer\s*\{\s*login\s*\}\s*\}")
_RESOLVE = re.compile(r"mutation.*resolveReviewThread\(input:\s*\{threadId:", re.S)


def handle(world: World, shapes: Shapes, request: Request, caller: Caller, violations: list[str]) -> Answer:
    body = request.json if isinstance(request.json, dict) else {}
    query, variables = str(body.get("query")), body.get("variables") or {}
    known = {_THREADS: _threads, _RESOLVE: _resolve, _VIEWER: _viewer}
    answer = next((each for pattern, each in known.items() if pattern.search(query)), None)
    if answer is None:
        violations.append(f"the double does not know this GraphQL: {query[:300]}")
        raise not_found()
    writes = answer is _resolve
    needs = "metadata:read" if answer is _viewer else f"pull_requests:{'write' if writes else 'read'}"
    row: Route = route("POST", PATH, lambda _: Answer(), needs)
    authorize(row, caller)
    call = Call(
        world=world,
        shapes=shapes,
        request=request,
        caller=caller,
        params={"owner": str(variables.get("owner")), "repo": str(variables.get("name"))},
        redeliver=lambda _: None,
    )
    return Answer(body=answer(call, variables))


def _viewer(call: Call, _variables: Json) -> Json:
    """Also for an App's token, to which REST does not say it."""
    return {"data": {"viewer": {"login": call.app.bot.login}}}


def _error(kind: str, message: str) -> Json:
    return {"data": None, "errors": [{"type": kind, "path": [], "message": message}]}


def _first(issue: Issue) -> list[ReviewComment]:
    assert issue.pull is not None
    return [each for each in issue.pull.review_comments if each.in_reply_to is None]


def _threads(call: Call, variables: Json) -> Json:
    issue = call.repository.issues.get(int(variables["pull"]))
    if issue is None or issue.pull is None:
        return _error("NOT_FOUND", "Could not resolve to a PullRequest.")
    pull = issue.pull
    size, start = 100, int(variables.get("after") or 0)
    firsts = _first(issue)
    nodes = [
        {
            "id": thread_id(call.repository, each),
            "isResolved": each.id in pull.resolved,
            "viewerCanResolve": True,
            "comments": {"nodes": [{"fullDatabaseId": str(each.id)}]},
        }
        for each in firsts[start : start + size]
    ]
    more = start + size < len(firsts)
    info = {"hasNextPage": more, "endCursor": str(start + size) if more else None}
    threads = {"nodes": nodes, "pageInfo": info}
    return {"data": {"repository": {"pullRequest": {"reviewThreads": threads}}}}


def thread_id(repository: Repository, first: ReviewComment) -> str:
    return node_id("PRRT", repository.id, first.id)


def _resolve(call: Call, variables: Json) -> Json:
    for repository in call.world.reachable(call.token.installation):
        for issue in repository.issues.values():
            for each in _first(issue) if issue.pull else ():
                if thread_id(repository, each) == variables.get("thread"):
                    assert issue.pull is not None
                    issue.pull.resolved.add(each.id)
                    thread = {"id": thread_id(repository, each), "isResolved": True}
                    return {"data": {"resolveReviewThread": {"thread": thread}}}
    return _error("NOT_FOUND", "Could not resolve to a node with the global id.")
