"""A proven patch for a failing check: a pull request, a commit on the branch itself, or a comment for a fork.

The branch may have moved on while the patch was made. Then nothing is put on the branch itself, and a pull
request is opened only if the files that the patch changes are still as they were, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.codec import decode
from agent.protocols import JsonObject
from agent.types import Patch, Solved
from bot.checks.annotate import repaired
from bot.checks.diff import git_diff
from bot.checks.place import asked_for
from bot.config.keys import Push
from bot.forge import Conclusion, NewPullRequest
from bot.queue import Ending, JobResult
from bot.render import check_answers as answers
from bot.render.own_words import own_lead, own_title
from bot.render.parts import sections
from bot.render.pull_request import commit_message, pull_request_body, pull_request_title
from bot.render.search_tree import search_tree
from bot.run import head_marker
from bot.sanitize import code, plain
from bot.work.check_case import Case
from bot.work.parts import JOURNAL, PROTECTED, config_protects
from bot.work.publish import LeftAlone, own_tip, publish

GONE = "The branch {branch} is gone, or its pull request was closed, while I worked. Nothing was opened."
CHANGED = (
    "The branch {branch} has moved on to `{sha}` while I worked, and there {paths} is no longer what I "
    "changed. Nothing was opened; the next failing check is looked at anew."
)
TURNED_DOWN = (
    "Somebody closed the pull request that I opened for this branch, which I take for a no. Ask with "
    "`/codeagent retry` if I shall open it again."
)


def publish_fix(case: Case, outcome: Solved, tree: Path) -> JobResult:
    run, place = case.run, case.place
    if touched := config_protects(case.config, outcome.patch.overlay):
        return case.hold_back(PROTECTED.format(paths=", ".join(code(path) for path in touched[:10])))
    now = _now(case)
    if not now:
        return case.hold_back(GONE.format(branch=code(place.branch)))
    moved = now if now != place.sha else ""
    if place.fork:
        diff = run.text(git_diff(outcome.patch, lambda path: _read(tree, path)))
        return _solved(case, outcome, answers.patch_for_fork(case.facts, outcome, diff, moved), tree)
    if not moved and place.pull and case.config.checks.push is Push.DIRECT:
        done = publish(
            run,
            place.branch,
            parent=place.sha,
            files=outcome.patch.overlay,
            message=_message(case, outcome),
            expected=place.sha,
        )
        if not isinstance(done, LeftAlone):
            return _solved(case, outcome, answers.pushed(case.facts, outcome, done.sha), tree)
        now = _now(case, again=True)
        moved = now if now != place.sha else ""
    if moved and (changed := _changed(case, outcome.patch, tree, moved)):
        paths = ", ".join(code(path, 160) for path in changed[:5])
        return case.hold_back(CHANGED.format(branch=code(place.branch), sha=moved[:12], paths=paths))
    return _pull_request(case, outcome, tree, moved)


def _pull_request(case: Case, outcome: Solved, tree: Path, moved: str) -> JobResult:
    run, branch = case.run, case.run.names.branch
    if reason := run.ask("github.earlier_pull_request", {"branch": branch}, lambda: _turned_down(case)):
        return case.hold_back(reason)
    tip = own_tip(run, branch)
    if isinstance(tip, LeftAlone):
        return case.hold_back(tip.reason)
    done = publish(
        run,
        branch,
        parent=case.place.sha,
        files=outcome.patch.overlay,
        message=_message(case, outcome),
        expected=tip,
    )
    if isinstance(done, LeftAlone):
        return case.hold_back(done.reason)
    new = _described(case, outcome, done.sha, moved)
    asked: JsonObject = {"head": new.head, "sha": done.sha, "body": new.body}
    url = run.ask("github.pull_request", asked, lambda: run.forge.upsert_pull_request(new).url)
    return _solved(case, outcome, answers.solved(case.facts, outcome, url), tree, url)


def _described(case: Case, outcome: Solved, sha: str, moved: str) -> NewPullRequest:
    run, config = case.run, case.config
    # No issue is fixed by it, and no label asks again.
    facts = replace(run.facts, issue=0, sender="", title=_failing(outcome))
    picture = search_tree(run.home / JOURNAL, run.ports.redact)
    body = pull_request_body(
        facts,
        outcome,
        picture,
        lead=sections(own_lead(config, facts, outcome), answers.lead(case.facts, moved)),
        closing=answers.closing(),
    )
    return NewPullRequest(
        head=run.names.branch,
        base=case.place.branch,
        title=run.text(own_title(config, facts, outcome, pull_request_title(facts))),
        body=head_marker(sha) + run.text(body),
        marker=run.names.pull_request,
        labels=tuple(dict.fromkeys(filter(None, (*config.labels, run.request.label)))),
        draft=config.draft,
        reviewers=config.reviewers,
    )


def _failing(outcome: Solved) -> str:
    cases = [name for test in outcome.tests for name in test.select or (test.path,)]
    more = f" and {len(cases) - 1} more fail" if len(cases) > 1 else " fails"
    return f"{plain(cases[0], 130)}{more}"


def _message(case: Case, outcome: Solved) -> str:
    """Whoever asked is a co-author; who happened to break a build is not."""
    sender = case.run.facts.sender if asked_for(case.run.request) else ""
    facts = replace(case.run.facts, issue=0, sender=sender, title=_failing(outcome))
    return commit_message(facts, outcome)


def _solved(case: Case, outcome: Solved, answer: str, tree: Path, url: str = "") -> JobResult:
    return case.tell(
        Ending.SOLVED,
        "solved",
        answer,
        Conclusion.SUCCESS,
        pull_request=url,
        annotated=repaired(outcome.patch, tree),
    )


# --- What has become of the branch --------------------------------------------------------------------------


def _now(case: Case, *, again: bool = False) -> str:
    """The branch's newest commit; empty when it is gone or nobody wants it any more."""
    place, forge = case.place, case.run.forge

    def look() -> str:
        if not place.pull:
            branch = forge.branch(place.branch)
            return branch.sha if branch is not None else ""
        pull = forge.pull_request(place.pull)
        return pull.head_sha if pull is not None and pull.open else ""

    return case.run.ask("github.place_now", {"branch": place.branch, "again": again}, look)


def _changed(case: Case, patch: Patch, tree: Path, now: str) -> tuple[str, ...]:
    """The files of a patch that are no longer what they were when it was made."""

    def ask() -> JsonObject:
        read = case.run.forge.read_file
        return {"changed": [path for path in patch.paths if read(path, now) != _read(tree, path)]}

    found = case.run.effect("github.changed_files", {"sha": now, "paths": list(patch.paths)}, ask)
    return decode(tuple[str, ...], found["changed"])


def _turned_down(case: Case) -> str:
    run = case.run
    found = run.forge.find_pull_request(run.names.branch, run.names.pull_request)
    closed = found is not None and not found.open and not found.merged
    return TURNED_DOWN if closed and not run.request.again else ""


def _read(tree: Path, path: str) -> bytes | None:
    """A file of the checked-out commit. Its path passed the gate on paths: inside, through no link."""
    file = tree / path
    return file.read_bytes() if file.is_file() and not file.is_symlink() else None
