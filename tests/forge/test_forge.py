"""The Forge against the double: what is read, what is made, and that nothing is made twice (threat 22)."""

from __future__ import annotations

import dataclasses

import pytest
from structlog.testing import capture_logs

from bot.errors import ForgeRefused, ForgeUnavailable
from bot.forge import Branch, CheckRun, Conclusion, Forge, Issue, NewPullRequest
from bot.github.client import PERMISSIONS, GitHubForges
from tests.double.faults import Fault, Garbage, ResetAfter, ResetBefore, Status, StatusAfter
from tests.forge.conftest import DEMO, Stage

MARKER = "<!-- codeagent:test 1 -->"
BRANCH = "codeagent/issue-1-abcd"
NEW = NewPullRequest(
    head=BRANCH,
    base="main",
    title="Fix it",
    body=f"Because.\n\n{MARKER}",
    marker=MARKER,
    labels=("codeagent",),
)
LOST = (ResetBefore(), ResetAfter(), Status(502), StatusAfter(502), StatusAfter(500), Garbage())


def check(stage: Stage, **changes: object) -> CheckRun:
    sha = stage.github.repository(DEMO).git.tip("main")
    assert sha is not None
    plain = CheckRun(name="CodeAgent", head_sha=sha, external_id="run-1", title="Working", summary="Wait.")
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


# --- reading ----------------------------------------------------------------------------------------------


def test_the_issue_as_it_is(stage: Stage, forge: Forge) -> None:
    assert forge.issue(stage.issue) == Issue(
        number=stage.issue, title="It breaks", body="Always.", author="bob", open=True, labels=()
    )
    with pytest.raises(ForgeRefused, match="show issue 99 in octo/demo: 404") as caught:
        forge.issue(99)
    assert caught.value.status == 404


def test_branches_and_files(stage: Stage, forge: Forge) -> None:
    sha = stage.github.repository(DEMO).git.tip("main")
    assert sha is not None
    assert forge.default_branch() == Branch(name="main", sha=sha)
    stage.github.create_branch(DEMO, "some/branch-ä")
    assert forge.branch("some/branch-ä") == Branch(name="some/branch-ä", sha=sha)
    assert forge.branch("none") is None
    assert forge.read_file("a.py", "main") == b"x = 1\n"
    assert forge.read_file("b.py", "main") is None
    assert forge.read_file("a.py", "none") is None
    stage.github.commit(DEMO, "main", {"d/ü #1?.py": b"\xff"})
    assert forge.read_file("d/ü #1?.py", "main") == b"\xff"
    assert forge.read_file("d", "main") is None
    with pytest.raises(ForgeRefused):
        forge.read_file("../../user", "main")


def test_an_empty_repository_has_no_default_branch(stage: Stage, forges: GitHubForges) -> None:
    empty = stage.github.create_repository("octo/empty")
    installation = stage.github.install(stage.credentials.app_id, "octo", ["octo/empty"])
    ref = dataclasses.replace(
        stage.ref, installation=installation, repository_id=empty.id, full_name=empty.full_name
    )
    forge = forges.open(ref)
    assert forge.default_branch() is None
    forges.close(forge)


@pytest.mark.parametrize("role", ["admin", "maintain", "write", "triage", "read", "none"])
def test_permission_is_the_role(role: str, stage: Stage, forge: Forge) -> None:
    stage.github.set_role(DEMO, "carol", role)
    stage.github.repository(DEMO).private = True
    assert forge.permission("carol") == role


@pytest.mark.parametrize("login", ["nobody-knows", "../../user", "a/b", "", "x" * 200, "bot[bot]", "é"])
def test_permission_of_a_stranger_is_none(login: str, stage: Stage, forge: Forge) -> None:
    stage.github.repository(DEMO).private = True
    assert forge.permission(login) == "none"


@pytest.mark.parametrize("fault", [Status(500), Status(403), ResetBefore(), Garbage()])
def test_permission_is_never_guessed(fault: Fault, stage: Stage, forge: Forge) -> None:
    """Threat 5: an error is no permission."""
    stage.time.pass_by(60)
    stage.github.faults.add("GET", r"/permission$", fault, times=None)
    with pytest.raises((ForgeRefused, ForgeUnavailable)):
        forge.permission("alice")


# --- making, once -----------------------------------------------------------------------------------------


def test_a_comment_is_made_and_then_edited(stage: Stage, forge: Forge) -> None:
    one = forge.upsert_comment(stage.issue, MARKER, "Started.")
    two = forge.upsert_comment(stage.issue, MARKER, "Finished.")
    three = forge.upsert_comment(stage.issue, MARKER, "Finished.")
    (comment,) = stage.github.comments(DEMO, stage.issue)
    assert one == two == three
    assert comment.body == f"{MARKER}\nFinished."
    assert len(stage.github.requests_to("PATCH", r"/comments/")) == 1, "an equal text is not sent again"


def test_an_impostors_comment_is_left_alone(stage: Stage, forge: Forge) -> None:
    for author in ("mallory", "codeagent", "other[bot]"):
        stage.github.add_comment(DEMO, stage.issue, f"Click here! {MARKER}", author=author)
    forge.upsert_comment(stage.issue, MARKER, "Mine.")
    bodies = [(each.user.login, each.body) for each in stage.github.comments(DEMO, stage.issue)]
    assert bodies[-1] == ("codeagent[bot]", f"{MARKER}\nMine.")
    assert all(body.startswith("Click") for _, body in bodies[:-1])


def test_ours_is_found_behind_hundreds_of_comments(stage: Stage, forge: Forge) -> None:
    for number in range(130):
        stage.github.add_comment(DEMO, stage.issue, f"me too {number}", author="bob")
    forge.upsert_comment(stage.issue, MARKER, "One.")
    for number in range(130):
        stage.github.add_comment(DEMO, stage.issue, f"me too {number}", author="bob")
    forge.upsert_comment(stage.issue, MARKER, "Two.")
    mine = [each for each in stage.github.comments(DEMO, stage.issue) if MARKER in each.body]
    assert [each.body for each in mine] == [f"{MARKER}\nTwo."]


def test_a_check_run_goes_from_progress_to_its_end(stage: Stage, forge: Forge) -> None:
    forge.upsert_check_run(check(stage))
    forge.upsert_check_run(check(stage, external_id="run-2"))
    forge.upsert_check_run(
        check(
            stage,
            conclusion=Conclusion.SUCCESS,
            title="Done",
            text="All of it.",
            details_url="https://example.org/run",
        )
    )
    one, two = stage.github.check_runs(DEMO)
    assert (one.status, one.conclusion, one.title, one.text) == ("completed", "success", "Done", "All of it.")
    assert (two.external_id, two.status, two.conclusion) == ("run-2", "in_progress", None)
    before = len(stage.github.requests)
    forge.upsert_check_run(check(stage, external_id="run-2"))
    assert [each.method for each in stage.github.requests[before:]] == ["GET"], "nothing to change"


def test_a_pull_request_is_opened_and_then_edited(stage: Stage, forge: Forge) -> None:
    branch(stage)
    assert forge.find_pull_request(BRANCH, MARKER) is None
    opened = forge.upsert_pull_request(NEW)
    edited = forge.upsert_pull_request(
        dataclasses.replace(NEW, title="Fix it well", labels=("codeagent", "bug"))
    )
    (issue,) = stage.github.pulls(DEMO)
    assert (opened.number, opened.head, opened.base, opened.open) == (issue.number, BRANCH, "main", True)
    assert edited.number == opened.number
    assert (issue.title, issue.label_names) == ("Fix it well", ("codeagent", "bug"))
    assert opened.head_sha == stage.github.repository(DEMO).git.tip(BRANCH)
    assert forge.find_pull_request(BRANCH, MARKER) == edited


def test_the_marker_finds_a_pull_request_of_another_branch(stage: Stage, forge: Forge) -> None:
    branch(stage)
    branch(stage, "renamed")
    opened = forge.upsert_pull_request(dataclasses.replace(NEW, head="renamed"))
    found = forge.find_pull_request(BRANCH, MARKER)
    assert found is not None
    assert found.number == opened.number
    assert forge.upsert_pull_request(NEW).number == opened.number


def test_an_impostors_pull_request_is_left_alone(stage: Stage, forge: Forge) -> None:
    branch(stage)
    branch(stage, "theirs")
    theirs = stage.github.open_pull(DEMO, "theirs", title="Mine", body=MARKER, author="mallory")
    opened = forge.upsert_pull_request(NEW)
    assert opened.number != theirs
    assert stage.github.issue(DEMO, theirs).title == "Mine"


def test_closed_and_merged_ones_are_found_but_not_edited(stage: Stage, forge: Forge) -> None:
    branch(stage)
    first = forge.upsert_pull_request(NEW)
    stage.github.close_pull(DEMO, first.number)
    found = forge.find_pull_request(BRANCH, MARKER)
    assert found is not None
    assert (found.number, found.open, found.merged) == (first.number, False, False)
    second = forge.upsert_pull_request(NEW)
    assert second.number != first.number
    stage.github.merge_pull(DEMO, second.number)
    found = forge.find_pull_request(BRANCH, MARKER)
    assert found is not None
    assert (found.number, found.open, found.merged) == (second.number, False, True)


def branch(stage: Stage, name: str = BRANCH) -> None:
    stage.github.create_branch(DEMO, name)
    stage.github.commit(DEMO, name, {"a.py": f"x = 2  # {name}\n"})


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", LOST, ids=str)
def test_one_comment_whatever_is_lost(fault: Fault, times: int, stage: Stage, forge: Forge) -> None:
    stage.github.faults.add("POST", r"/comments$", fault, times=times)
    url = forge.upsert_comment(stage.issue, MARKER, "Hello.")
    (comment,) = stage.github.comments(DEMO, stage.issue)
    assert url.endswith(f"#issuecomment-{comment.id}")


@pytest.mark.parametrize("fault", LOST, ids=str)
def test_one_edit_whatever_is_lost(fault: Fault, stage: Stage, forge: Forge) -> None:
    forge.upsert_comment(stage.issue, MARKER, "Hello.")
    stage.github.faults.add("PATCH", r"/comments/", fault)
    forge.upsert_comment(stage.issue, MARKER, "Bye.")
    (comment,) = stage.github.comments(DEMO, stage.issue)
    assert comment.body.endswith("Bye.")


@pytest.mark.parametrize("fault", LOST, ids=str)
def test_one_check_run_whatever_is_lost(fault: Fault, stage: Stage, forge: Forge) -> None:
    stage.github.faults.add("POST", r"/check-runs$", fault)
    stage.github.faults.add("PATCH", r"/check-runs/", fault)
    forge.upsert_check_run(check(stage))
    forge.upsert_check_run(check(stage, conclusion=Conclusion.FAILURE))
    (run,) = stage.github.check_runs(DEMO)
    assert run.conclusion == "failure"


@pytest.mark.parametrize("fault", LOST, ids=str)
def test_one_pull_request_whatever_is_lost(fault: Fault, stage: Stage, forge: Forge) -> None:
    branch(stage)
    stage.github.faults.add("POST", r"/pulls$", fault)
    stage.github.faults.add("POST", r"/labels$", fault)
    opened = forge.upsert_pull_request(NEW)
    (issue,) = stage.github.pulls(DEMO)
    assert (issue.number, issue.label_names) == (opened.number, ("codeagent",))


def test_already_exists_is_read_and_edited(stage: Stage, forge: Forge) -> None:
    """Somebody opened it between the look and the request: here the look is made to see nothing."""
    branch(stage)
    stage.github.open_pull(DEMO, BRANCH, title="By hand", body="", author="alice")
    stage.github.faults.add("GET", r"/pulls$", EmptyList(), times=2)
    opened = forge.upsert_pull_request(NEW)
    (issue,) = stage.github.pulls(DEMO)
    assert (opened.number, issue.title) == (issue.number, "Fix it")


def EmptyList() -> Fault:
    return Garbage(b"[]")


def test_a_pull_request_of_nothing_is_refused(stage: Stage, forge: Forge) -> None:
    stage.github.create_branch(DEMO, BRANCH)
    with pytest.raises(
        ForgeRefused, match=r"open a pull request from .* in octo/demo: 422 .*No commits between"
    ) as caught:
        forge.upsert_pull_request(NEW)
    assert caught.value.status == 422
    assert stage.github.pulls(DEMO) == []


def test_no_outage_without_end_is_waited_for(stage: Stage, forge: Forge) -> None:
    stage.github.faults.add("POST", r"/comments$", Status(502), times=None)
    with pytest.raises(ForgeUnavailable, match=r"comment on issue 1 in octo/demo: 502"):
        forge.upsert_comment(stage.issue, MARKER, "Hello.")
    assert len(stage.github.requests_to("POST", r"/comments$")) == 4
    assert sum(stage.time.slept) < 60


# --- what goes out ----------------------------------------------------------------------------------------


def test_long_texts_are_cut_where_one_can_see_it(stage: Stage, forge: Forge) -> None:
    branch(stage)
    long = "```\n" + "ä" * 70_000
    forge.upsert_comment(stage.issue, MARKER, long + MARKER)
    forge.upsert_check_run(check(stage, title="t" * 500, summary=long, text=long))
    forge.upsert_pull_request(dataclasses.replace(NEW, title="t" * 500, body=long + MARKER))
    forge.upsert_pull_request(dataclasses.replace(NEW, title="t" * 500, body=long + MARKER))
    (comment,), (run,) = stage.github.comments(DEMO, stage.issue), stage.github.check_runs(DEMO)
    (pull,) = stage.github.pulls(DEMO)
    for text, limit in (
        (comment.body, 65_536),
        (pull.body, 65_536),
        (run.summary, 65_535),
        (run.text, 65_535),
    ):
        assert text is not None
        assert len(text.encode()) <= limit
        assert text.endswith("\n```\n\n*Cut here: the whole text is longer than GitHub takes.*")
    assert comment.body.count(MARKER) == 1
    assert len(pull.title) == 256
    assert len(stage.github.requests_to("PATCH", r"/pulls/")) == 0, "the cut is the same each time"


def test_every_text_is_redacted(stage: Stage) -> None:
    branch(stage)
    forges = stage.forges(redact=lambda text: text.replace("s3cret", "[redacted]"))
    forge = forges.open(stage.ref)
    token = forge.git_access().token
    secret = f"s3cret {token}"
    forge.upsert_comment(stage.issue, MARKER, secret)
    forge.upsert_check_run(check(stage, title=secret, summary=secret, text=secret))
    forge.upsert_pull_request(dataclasses.replace(NEW, title=secret, body=secret))
    sent = "".join(str(each.body) for each in stage.github.requests if each.method in ("POST", "PATCH"))
    assert "[redacted] ***" in sent
    assert "s3cret" not in sent
    assert token not in sent
    stage.github.faults.add("GET", r"/issues/", Status(404, secret))
    with pytest.raises(ForgeRefused) as caught:
        forge.issue(stage.issue)
    assert "s3cret" not in str(caught.value)
    assert token not in str(caught.value)
    forges.close(forge)
    forges.shut()


# --- the token --------------------------------------------------------------------------------------------


def test_a_token_for_one_repository_with_the_least_permissions(stage: Stage, forges: GitHubForges) -> None:
    forge = forges.open(stage.ref)
    (made,) = stage.github.requests_to("POST", r"/access_tokens$")
    assert made.body == {"repository_ids": [stage.ref.repository_id], "permissions": PERMISSIONS}
    assert "workflows" not in PERMISSIONS
    access = forge.git_access()
    assert access.url == f"{stage.github.site}/octo/demo.git"
    assert access.token not in repr(access) + repr(forge) + repr(vars(forge))
    forges.close(forge)
    forges.close(forge)
    assert [each.revoked for each in stage.github.world.tokens.values()] == [True]
    with pytest.raises(ForgeRefused, match="was closed"):
        forge.issue(stage.issue)


def test_a_token_is_renewed_before_its_hour_is_over(stage: Stage, forges: GitHubForges) -> None:
    forge = forges.open(stage.ref)
    first = forge.git_access().token
    stage.time.now += 3100  # the double's time stays: githubkit signs with the machine's
    assert forge.issue(stage.issue).open
    assert forge.git_access().token != first
    forges.close(forge)


def test_a_revoked_token_is_replaced_once(stage: Stage, forge: Forge) -> None:
    stage.time.pass_by(60)
    for token in stage.github.world.tokens.values():
        token.revoked = True
    assert forge.issue(stage.issue).open
    assert stage.github.creates["token"] == 2
    stage.github.faults.add("GET", r"/issues/", Status(401), times=None)
    stage.time.pass_by(60)
    with pytest.raises(ForgeRefused, match="401 Bad credentials"):
        forge.issue(stage.issue)
    assert stage.github.creates["token"] == 3


@pytest.mark.parametrize("status", [401, 403])
def test_replicas_that_do_not_know_the_token_yet(status: int, stage: Stage, forge: Forge) -> None:
    stage.github.faults.add("POST", r"/comments$", Status(status), times=2)
    forge.upsert_comment(stage.issue, MARKER, "Hello.")
    assert stage.time.slept == [1.0, 2.0]
    assert stage.github.creates["token"] == 1
    assert len(stage.github.comments(DEMO, stage.issue)) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"installation": 1}, r"give a token for octo/demo \(installation 1\): 404"),
        ({"repository_id": 1}, r"422 There is at least one repository"),
        ({"full_name": "demo"}, r"is no repository"),
        ({"full_name": "a/b/c"}, r"is no repository"),
    ],
)
def test_what_cannot_be_opened(
    change: dict[str, object], said: str, stage: Stage, forges: GitHubForges
) -> None:
    with pytest.raises(ForgeRefused, match=said):
        forges.open(dataclasses.replace(stage.ref, **change))  # type: ignore[arg-type]


def test_a_suspended_installation(stage: Stage, forges: GitHubForges) -> None:
    stage.github.suspend(stage.ref.installation)
    with pytest.raises(ForgeRefused, match=r"403 This installation has been suspended.*permissions"):
        forges.open(stage.ref)


def test_an_outage_while_a_token_is_made_and_ended(stage: Stage, forges: GitHubForges) -> None:
    stage.github.faults.add("POST", r"/access_tokens$", ResetAfter(), times=2)
    forge = forges.open(stage.ref)
    stage.github.faults.add("DELETE", r"/installation/token$", Status(503), times=1)
    forges.close(forge)
    assert [each.revoked for each in stage.github.world.tokens.values()][-1]


def test_a_close_that_fails_says_so_and_goes_on(stage: Stage, forges: GitHubForges) -> None:
    forge = forges.open(stage.ref)
    stage.github.faults.add("DELETE", r"/installation/token$", Status(503), times=None)
    with capture_logs() as logged:
        forges.close(forge)
    assert "token_not_revoked" in [each["event"] for each in logged]
