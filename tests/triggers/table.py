"""The table of triggers: what each delivery means, in every kind of repository and under every switch.

``python -m tests.triggers.table`` writes it into ``docs/triggers.md``; ``test_table.py`` says whether that is
current.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import assert_never

from bot.triggers import Again, Checks, Ignored, Said, Stop, TriggerPolicy, Wanted
from bot.triggers.policy import Decision
from bot.work.parts import MAY_ASK
from tests.double import webhooks
from tests.triggers.stage import LABEL, Place, Repo, Stage, changed, staged

PAGE = Path(__file__).resolve().parents[2] / "docs" / "triggers.md"
BEGIN, END = "<!-- table: written by tests/triggers/table.py -->", "<!-- end of the table -->"

Ask = Callable[[Place], object]


@dataclass(frozen=True, kw_only=True)
class Row:
    """``means``: what comes of it in a public repository with every switch on."""

    what: str
    ask: Ask
    means: str
    code: bool = False  # needs a commit: pull requests and checks
    issues: bool = False  # happens to issues only


# --- What people and machines do ----------------------------------------------------------------------------


def issue(action: str, actor: str = "alice", assignee: str = "") -> Ask:
    def ask(at: Place) -> None:
        payload = at.github.issues_payload(at.name, at.issue, action, actor)
        if assignee:
            payload["assignee"] = {"login": at.bot if assignee == "app" else assignee, "type": "User"}
        at.github.deliver("issues", payload)

    return ask


def label(name: str, action: str = "labeled", actor: str = "alice", state: str = "open") -> Ask:
    def ask(at: Place) -> None:
        payload = at.github.issues_payload(at.name, at.issue, action, actor, name)
        at.github.deliver("issues", changed(payload, issue__state=state))

    return ask


def comment(text: str, where: str = "issue", action: str = "created", actor: str = "alice") -> Ask:
    def ask(at: Place) -> None:
        github, number = at.github, getattr(at, where)
        made = github.add_comment(at.name, number, text, actor)
        repository, thread = github.repository(at.name), github.issue(at.name, number)
        installation = github._installation(repository)
        payload = webhooks.issue_comment(github.shapes, repository, action, thread, made, installation)
        github.deliver("issue_comment", payload)

    return ask


def pull(action: str, where: str = "pull", named: str | None = None, merged: bool = False) -> Ask:
    def ask(at: Place) -> None:
        at.github.deliver_pull_request(at.name, getattr(at, where), action, label=named)
        if merged:
            changed(at.github.kept[-1].payload, pull_request__merged=True)

    return ask


def workflow(branch: str, conclusion: str = "failure", fork: bool = False) -> Ask:
    def ask(at: Place) -> None:
        run = at.github.run_workflow(at.name, "main" if fork else branch, {"tests": b"FAILED"})
        at.github.deliver_workflow_run(at.name, run)
        ran = at.github.kept[-1].payload["workflow_run"]
        ran["conclusion"] = conclusion
        if fork:  # its branch may be called as ours is
            ran.update(head_repository={"id": 1, "full_name": "mallory/fork"}, pull_requests=[])

    return ask


def suite(branch: str, app: str = "buildbot", action: str = "completed") -> Ask:
    def ask(at: Place) -> None:
        run = at.github.complete_check(at.name, at.shas[branch], "tests", app=app)
        at.github.deliver_check_suite(at.name, run, action)
        changed(at.github.kept[-1].payload, check_suite__conclusion="failure")
        if app == "own":
            changed(at.github.kept[-1].payload, check_suite__app__slug=at.app)

    return ask


def check(action: str = "completed", button: str | None = None, own: bool = True, mark: str = "") -> Ask:
    def ask(at: Place) -> None:
        run = at.github.complete_check(at.name, at.shas["main"], "CodeAgent", app="buildbot")
        run.external_id = mark or f"codeagent/issue/{at.issue}"
        at.github.deliver_check_run(at.name, run, action, button=button)
        if own:
            changed(at.github.kept[-1].payload, check_run__app__slug=at.app)

    return ask


def beside(text: str, where: str = "own", action: str = "created") -> Ask:
    def ask(at: Place) -> None:
        number = getattr(at, where)
        made = at.github.comment_on_lines(at.name, number, text, path="code.py", line=1)
        at.github.deliver_review_comment(at.name, number, made, action)

    return ask


def review(text: str, state: str, where: str = "own") -> Ask:
    def ask(at: Place) -> None:
        number = getattr(at, where)
        made = at.github.review(at.name, number, text, state=state)
        at.github.deliver_review(at.name, number, made)
        changed(at.github.kept[-1].payload, review__state=state.lower())

    return ask


def other(event: str, action: str) -> Ask:
    def ask(at: Place) -> None:
        payload = at.github.issues_payload(at.name, at.issue, action, "alice")
        at.github.deliver(event, {key: value for key, value in payload.items() if key != "issue"})

    return ask


on_issue = partial(Row, issues=True)
on_code = partial(Row, code=True)

ROWS: tuple[Row, ...] = (
    on_issue(what="the label is set on an issue", ask=label(LABEL), means="FIX"),
    on_issue(
        what="the label is set on a closed issue",
        ask=label(LABEL, state="closed"),
        means="nothing: the issue is not open",
    ),
    on_issue(what="another label is set", ask=label("bug"), means="nothing: not the label 'codeagent'"),
    on_issue(what="the label is removed", ask=label(LABEL, "unlabeled"), means="stop FIX"),
    on_issue(
        what="an issue is opened",
        ask=issue("opened"),
        means="nothing: an issue alone asks for nothing; a label, a command or an assignment does",
    ),
    on_issue(
        what="an issue is edited",
        ask=issue("edited"),
        means="nothing: what was asked for stays as it was written then; edits are not read",
    ),
    on_issue(what="an issue is closed", ask=issue("closed"), means="stop FIX, EXPLAIN"),
    on_issue(what="an issue is deleted", ask=issue("deleted"), means="stop FIX, EXPLAIN"),
    on_issue(what="an issue is transferred", ask=issue("transferred"), means="stop FIX, EXPLAIN"),
    on_issue(what="the App is assigned", ask=issue("assigned", assignee="app"), means="FIX"),
    on_issue(
        what="somebody else is assigned",
        ask=issue("assigned", assignee="bob"),
        means="nothing: it was somebody else that was assigned",
    ),
    on_issue(what="the App is unassigned", ask=issue("unassigned", assignee="app"), means="stop FIX"),
    on_issue(what="`/codeagent fix` on an issue", ask=comment("/codeagent fix"), means="FIX"),
    on_issue(what="`/codeagent explain` on an issue", ask=comment("/codeagent explain"), means="EXPLAIN"),
    on_issue(what="`/codeagent retry` on an issue", ask=comment("/codeagent retry"), means="FIX again"),
    on_issue(what="`/codeagent stop` on an issue", ask=comment("/codeagent stop"), means="ERRAND stop"),
    on_issue(what="`/codeagent status` on an issue", ask=comment("/codeagent status"), means="ERRAND status"),
    on_issue(what="`/codeagent help` on an issue", ask=comment("/codeagent help"), means="ERRAND help"),
    on_issue(
        what="`/codeagent fxi` on an issue",
        ask=comment("/codeagent fxi"),
        means="ERRAND help",
    ),
    on_issue(
        what="any other comment on an issue",
        ask=comment("It should be 0."),
        means="answer to an open question, if there is one",
    ),
    on_issue(
        what="`> /codeagent fix` (quoted)",
        ask=comment("> /codeagent fix"),
        means="answer to an open question, if there is one",
    ),
    on_issue(
        what="a comment is edited into a command",
        ask=comment("/codeagent fix", action="edited"),
        means="nothing: only new comments are read, as they were written; edits ask for nothing",
    ),
    on_code(what="the label is set on a pull request", ask=pull("labeled", named=LABEL), means="CHECK"),
    on_code(
        what="the label is set on a pull request from a fork",
        ask=pull("labeled", "foreign", LABEL),
        means="CHECK in a fork",
    ),
    on_code(
        what="the label is removed from a pull request",
        ask=pull("unlabeled", named=LABEL),
        means="stop CHECK",
    ),
    on_code(what="`/codeagent fix` on a pull request", ask=comment("/codeagent fix", "pull"), means="CHECK"),
    on_code(
        what="`/codeagent fix` on its own pull request", ask=comment("/codeagent fix", "own"), means="CHECK"
    ),
    on_code(
        what="`/codeagent retry` on a pull request",
        ask=comment("/codeagent retry", "pull"),
        means="CHECK again",
    ),
    on_code(
        what="`/codeagent explain` on a pull request",
        ask=comment("/codeagent explain", "pull"),
        means="ERRAND help",
    ),
    on_code(
        what="`/codeagent stop` on a pull request",
        ask=comment("/codeagent stop", "pull"),
        means="ERRAND stop",
    ),
    on_code(
        what="any other comment on a pull request",
        ask=comment("Nice.", "pull"),
        means="nothing: no command, and nothing is asked on a pull request",
    ),
    on_code(what="a pull request is closed", ask=pull("closed"), means="stop CHECK, REVIEW"),
    on_code(
        what="its own pull request is closed", ask=pull("closed", "own"), means="stop CHECK, REVIEW, FIX"
    ),
    on_code(
        what="its own pull request is merged",
        ask=pull("closed", "own", merged=True),
        means="stop CHECK, REVIEW",
    ),
    on_code(what="a workflow fails on the default branch", ask=workflow("main"), means="CHECK"),
    on_code(what="a workflow fails on a pull request", ask=workflow("feature"), means="CHECK"),
    on_code(
        what="a workflow fails on a branch without a pull request",
        ask=workflow("lonely"),
        means="nothing: no pull request of this repository is open for that branch",
    ),
    on_code(
        what="a workflow fails in a fork",
        ask=workflow("main", fork=True),
        means="nothing: it failed in a fork; a label or command on its pull request asks",
    ),
    on_code(
        what="a workflow succeeds", ask=workflow("main", "success"), means="nothing: no failed workflow run"
    ),
    on_code(what="another App's checks fail on the default branch", ask=suite("main"), means="CHECK"),
    on_code(what="another App's checks fail on a pull request", ask=suite("feature"), means="CHECK"),
    on_code(
        what="the suite of GitHub Actions fails",
        ask=suite("main", "github-actions"),
        means="nothing: GitHub Actions: its workflow run says it",
    ),
    on_code(
        what="its own checks fail",
        ask=suite("main", "own"),
        means="nothing: these are this App's own checks",
    ),
    on_code(
        what="a single check run fails",
        ask=check(own=False),
        means="nothing: single check runs are not taken up: their suite or workflow run is",
    ),
    on_code(what="Re-run on its own check run", ask=check("rerequested"), means="the same job again"),
    on_code(what="the button Try again", ask=check(button="retry"), means="the same job again"),
    on_code(what="the button Stop", ask=check(button="stop"), means="ERRAND stop"),
    on_code(
        what="Re-run on somebody else's check run",
        ask=check("rerequested", own=False),
        means="nothing: it is not this App's own check run",
    ),
    on_code(
        what="Re-run all checks of its suite",
        ask=suite("main", "own", "rerequested"),
        means="nothing: each check of this App is about something else: press Re-run on the one that is "
        "meant",
    ),
    on_code(what="a review comment on its own pull request", ask=beside("Use min()."), means="REVIEW"),
    on_code(
        what="a review comment there is edited",
        ask=beside("Use min().", action="edited"),
        means="nothing: only new comments are read, as they were written; edits ask for nothing",
    ),
    on_code(what="`/codeagent stop` in a review comment", ask=beside("/codeagent stop"), means="ERRAND stop"),
    on_code(
        what="a review comment on somebody's pull request",
        ask=beside("Use min().", "pull"),
        means="nothing: this is not one of this App's own pull requests",
    ),
    on_code(
        what="a review of its own pull request asks for changes",
        ask=review("Simpler, please.", "CHANGES_REQUESTED"),
        means="REVIEW",
    ),
    on_code(
        what="a review without a text",
        ask=review("", "CHANGES_REQUESTED"),
        means="nothing: the review has no text of its own; its comments are delivered by themselves",
    ),
    on_code(
        what="a review only comments",
        ask=review("Hm.", "COMMENTED"),
        means="nothing: the review does not ask for changes",
    ),
    on_code(
        what="a review approves",
        ask=review("Fine.", "APPROVED"),
        means="nothing: the review does not ask for changes",
    ),
    Row(what="the App is installed", ask=other("installation", "created"), means="nothing: nothing to do"),
    Row(what="a push", ask=other("push", ""), means="nothing: this event is not used"),
)


# --- In words -----------------------------------------------------------------------------------------------


def in_words(decision: Decision) -> str:
    match decision:
        case Wanted(request=request):
            fork = " in a fork" if request.check is not None and request.check.fork else ""
            more = f" {request.command}" if request.command else ""
            return f"{request.kind.name}{more}{' again' if request.again else ''}{fork}"
        case Again():
            return "the same job again"
        case Said():
            return "answer to an open question, if there is one"
        case Stop(subjects=subjects):
            return f"stop {', '.join(_kind(subject) for subject in subjects)}"
        case Ignored(reason=reason):
            return f"nothing: {reason.partition(': ')[2]}"
        case never:
            assert_never(never)


def _kind(subject: str) -> str:
    tail = subject.split("/")[2:]
    if tail[-1] == "explain":
        return "EXPLAIN"
    return {"issue": "FIX", "check": "CHECK", "pull": "REVIEW"}[tail[0]]


def everything_on(stage: Stage) -> TriggerPolicy:
    return replace(stage.policy, checks=Checks.ALL)


TURNED_AWAY = {
    Repo.ARCHIVED: "the repository is archived",
    Repo.DISABLED: "the repository is disabled",
    Repo.NOT_ALLOWED: "the repository is not on the list of allowed repositories",
}


def happens(row: Row, kind: Repo) -> bool:
    """Whether such a delivery can come from such a repository."""
    if kind is Repo.EMPTY:
        return not row.code
    return not (row.issues and kind is Repo.NO_ISSUES)


def policy_for(stage: Stage, kind: Repo) -> TriggerPolicy:
    policy = everything_on(stage)
    return replace(policy, repositories=("else/*",)) if kind is Repo.NOT_ALLOWED else policy


SWITCHES: tuple[tuple[str, dict[str, object]], ...] = (
    ("CODEAGENT_TRIGGERS__LABEL=false", {"labelling": False}),
    ("CODEAGENT_TRIGGERS__COMMANDS=false", {"commands": False}),
    ("CODEAGENT_TRIGGERS__ASSIGNMENT=false", {"assignment": False}),
    ("CODEAGENT_TRIGGERS__REVIEW=false", {"review": False}),
    ("CODEAGENT_TRIGGERS__CHECKS=off", {"checks": Checks.OFF}),
    ("CODEAGENT_TRIGGERS__CHECKS=default-branch", {"checks": Checks.DEFAULT_BRANCH}),
    ("CODEAGENT_TRIGGERS__CHECKS=pull-requests", {"checks": Checks.PULL_REQUESTS}),
    ("CODEAGENT_LABEL=fixme", {"label": "fixme"}),
    ("CODEAGENT_LABEL=fixme, CODEAGENT_LABELS=codeagent", {"label": "fixme", "labels": (LABEL,)}),
)


def switched(stage: Stage) -> Iterator[tuple[str, str, str]]:
    """(switch, what, what it means then), where that differs."""
    place = stage.place(Repo.PUBLIC)
    for name, values in SWITCHES:
        policy = replace(everything_on(stage), **values)  # type: ignore[arg-type]
        for row in ROWS:
            means = in_words(place.decided(row.ask, policy))
            if means != row.means:
                yield name, row.what, means


# --- The page -----------------------------------------------------------------------------------------------


def table(stage: Stage) -> str:
    place = stage.place(Repo.PUBLIC)
    lines = ["| what happens | what comes of it |", "| --- | --- |"]
    for row in ROWS:
        lines.append(f"| {row.what} | {in_words(place.decided(row.ask, everything_on(stage)))} |")
    lines += ["", "The kinds of repositories:", "", "| repository | what is different |", "| --- | --- |"]
    for kind in Repo:
        lines.append(f"| {kind} | {_difference(stage, kind)} |")
    lines += ["", "The operator's switches:", "", "| setting | what happens | what comes of it then |"]
    lines += ["| --- | --- | --- |"]
    lines += [f"| `{name}` | {what} | {means} |" for name, what, means in switched(stage)]
    lines += ["", f"Roles that may ask: {', '.join(sorted(MAY_ASK))}."]
    return "\n".join(lines) + "\n"


def _difference(stage: Stage, kind: Repo) -> str:
    found = {
        in_words(stage.place(kind).decided(row.ask, policy_for(stage, kind))) == row.means
        for row in ROWS
        if happens(row, kind) and not row.means.startswith("nothing")
    }
    missing = {
        Repo.EMPTY: " (no pull requests and checks; the job says that there is no commit)",
        Repo.NO_ISSUES: " (what is about issues cannot happen)",
    }.get(kind, "")
    return f"nothing{missing}" if found == {True} else f"nothing is done: {TURNED_AWAY[kind]}"


def page(stage: Stage, old: str) -> str:
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(stage)}\n{END}{after}"


if __name__ == "__main__":
    with staged() as stage:
        PAGE.write_text(page(stage, PAGE.read_text()))
    sys.exit(0)
