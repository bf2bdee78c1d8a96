"""A stateful double of the part of GitHub that an App fixing issues uses, with real git behind it.

    with GitHubDouble(tmp_path) as gh:
        gh.create_repository("octo/demo", files={"a.py": "x = 1\n"}, roles={"alice": "write"})
        app = gh.install_app(["octo/demo"], webhook_url="http://127.0.0.1:8000/webhook")
        number = gh.create_issue("octo/demo", "It breaks", "…", author="bob")
        delivery = gh.label_issue("octo/demo", number, "codeagent", actor="alice")
        ...
        assert gh.pulls("octo/demo")[0].title == "…"
        gh.check()  # fails when the bot sent anything that GitHub does not have

Addresses: ``gh.api_url`` (http://127.0.0.1:PORT/api/v3), ``gh.site`` (http://127.0.0.1:PORT), git at
``gh.git_url("octo/demo")``. Everything stays on the loopback interface.

What a test may set up (``tests.double.stage``)
    create_repository(full_name, files=…|directory=…|source=…, default_branch, private, roles, organization)
        files: {path: text or bytes}; directory: its files as one commit; source: an existing git repository
        with its history; none of them: an empty one. Seeded commits have fixed dates: same shas each time.
    install_app(repositories | None, account, slug, permissions, events, webhook_url, webhook_secret)
        a new App and its first installation -> Credentials; None: all repositories of ``account``
    install(app_id, account, repositories) -> installation id; suspend(installation_id);
    set_webhook_url(app_id, url)
    set_role(repo, login, role): admin, maintain, write, triage, read, none
    commit(repo, branch, files, message) -> sha; create_branch(repo, name, at); protect(repo, branch)
    access_token(installation_id, permissions=…, repositories=…) -> a token's value without going through HTTP
    clock.advance(seconds): tokens end, rate limits pass

What people do (``tests.double.people``)
    state only: create_issue(repo, title, body, author, labels) -> number; edit_issue; add_comment;
        open_pull(repo, head, base, title, author) -> number; close_pull; merge_pull;
        review(repo, n, body, state, author)
    state and a signed delivery to the App's webhook_url, or to ``to``: label_issue(repo, n, label, actor),
        unlabel_issue, comment_issue(repo, n, body, actor), close_issue; each takes guid=… and gives a
        Delivery (guid, status_code, response_body, ok)
    other Apps and workflows (``tests.double.checkers``): complete_check(repo, sha, name, conclusion, app) ->
        CheckRun; run_workflow(repo, branch, {job: log}) -> WorkflowRun; deliver_check_run(repo, run, action,
        button=…), deliver_check_suite, deliver_workflow_run; the CheckRun may be one of the bot's
    reviewers: comment_on_lines(repo, n, body, path=…, line=…, reply_to=…) -> ReviewComment;
        deliver_review_comment, deliver_review, deliver_pull_request(repo, n, action, label=…);
        fork(repo, owner), open_fork_pull(repo, fork, head)
    deliver(event, payload, to=url, guid=None); redeliver(guid): the same GUID and bytes again
    signed(event, payload, guid) -> (headers, body) to post with a client of one's own;
    issues_payload(repo, n, action, actor, label) -> a complete payload

What the bot did
    requests: list[Recorded] (method, path, query, status, token, at, body, fault), written before the
        answer is sent; requests_to(method, path_regex)
    creates: Counter of what came to be through the API: "pull", "comment", "check_run", "issue", "label",
        "reaction", "ref", "token", "blob", "tree", "commit", "review", "review_comment"
    issue(repo, n) -> Issue; comments(repo, n); pulls(repo, state="all") -> Issues with .pull;
    check_runs(repo); repository(repo).git.tip("branch") / .diff(a, b) / .tree(sha) …
    deliveries; violations: requests that GitHub does not have; bugs: the double's own failures

Faults (``tests.double.faults``), the first row that fits is used:
    gh.faults.add(method, path_regex, fault, times=1, skip=0); times=None: for ever; faults hit git paths too
    ("/octo/demo.git/git-receive-pack"). Status(502), PrimaryRateLimit(), SecondaryRateLimit(retry_after=1),
    Slow(2), ResetBefore(); done but not told: ResetAfter(), StatusAfter(502), Garbage().

Requests are judged by GitHub's OpenAPI description when the npm test tools are installed (tests/npm); without
them (``make demo`` on a fresh machine) only paths that the double itself does not know are violations.

In tests: ``from tests.double.fixtures import github`` at module level (or in a conftest.py) gives the fixture
``github``, a running double that fails the test at its end when ``violations`` or ``bugs`` is not empty.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.double.checkers import Checkers
from tests.double.description import installed
from tests.double.faults import Faults
from tests.double.http import API, Recorded, Server
from tests.double.rest import Rest
from tests.double.stage import EVENTS, PERMISSIONS, Credentials

if TYPE_CHECKING:
    from tests.double.openapi import OpenApi

__all__ = ["EVENTS", "PERMISSIONS", "Credentials", "DoubleError", "GitHubDouble"]


class DoubleError(AssertionError):
    """The bot did what GitHub does not have, or the double failed."""


class GitHubDouble(Checkers):
    def __init__(self, directory: Path, *, port: int = 0, description: OpenApi | None = None) -> None:
        """``description``: by default the installed one, or none."""
        self._server = Server(port)
        super().__init__(directory, f"http://127.0.0.1:{self._server.server_port}")
        self.api_url = f"{self.site}{API}"
        self._server.rest = self.rest = Rest(
            world=self.world,
            shapes=self.shapes,
            description=description or installed(),
            redeliver=self.hooks.redeliver_later,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="github-double")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join()
        self.hooks.join()

    # -- what happened ------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Recorded]:
        return self._server.log

    @property
    def faults(self) -> Faults:
        return self._server.faults

    @property
    def violations(self) -> list[str]:
        return self.rest.violations

    @property
    def bugs(self) -> list[str]:
        return self._server.bugs

    @property
    def creates(self) -> Mapping[str, int]:
        return self.world.creates

    def requests_to(self, method: str, path_regex: str) -> list[Recorded]:
        return [each for each in self.requests if each.method == method and re.search(path_regex, each.path)]

    def check(self) -> None:
        """Raises DoubleError when the bot sent what GitHub does not have, or when the double itself
        failed."""
        if self.violations or self.bugs:
            raise DoubleError("\n".join(["GitHub would not take this:", *self.violations, *self.bugs]))
