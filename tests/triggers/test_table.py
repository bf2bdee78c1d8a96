"""Issue 4, "must be shown" no. 1: every trigger × role × kind of repository × configuration.

What a delivery means depends on trigger, repository, configuration and the kind of account; who may is looked
up by the job, whatever asked for it: the first is shown on deliveries of the double, the second by jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.errors import ForgeError, ForgeRefused, ForgeUnavailable
from bot.queue import Ending, FailedCheck, JobFailed, Kind, ReviewNote, TaskRequest
from bot.triggers import Again, Checks, Ignored, Stop, Wanted
from bot.workflow import run_job
from tests.triggers.stage import Kept, Repo, Stage, changed, decided, staged
from tests.triggers.table import (
    PAGE,
    ROWS,
    TURNED_AWAY,
    Row,
    everything_on,
    happens,
    in_words,
    page,
    policy_for,
)
from tests.workflow.fakes import REQUEST, FakeForge, FakeForges, FakeRepair, World, ports


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


NEVER = ("nothing: nothing to do", "nothing: this event is not used")
PEOPLE = "nothing: no command, and only people are asked"


@pytest.mark.parametrize("kind", list(Repo))
def test_every_trigger_in_every_kind_of_repository(stage: Stage, kind: Repo) -> None:
    place, policy = stage.place(kind), policy_for(stage, kind)
    for row in ROWS:
        if not happens(row, kind):
            continue
        decision = place.decided(row.ask, policy)
        if kind in TURNED_AWAY and row.means not in NEVER:
            assert isinstance(decision, Ignored), row.what
            assert TURNED_AWAY[kind] in decision.reason, row.what
        else:
            assert in_words(decision) == row.means, row.what


def test_the_document_is_current(stage: Stage) -> None:
    assert PAGE.read_text() == page(stage, PAGE.read_text()), "run: python -m tests.triggers.table"


ASKING = [row for row in ROWS if not row.means.startswith("nothing")]


def by(kept: Kept, login: str, kind: str) -> Kept:
    """The same from another account: sender, author of the comment, and whoever started the workflow."""
    account = {"login": login, "type": kind}
    changed(kept.payload, sender=account)
    for holder in ("comment", "review"):
        if holder in kept.payload:
            kept.payload[holder]["user"] = account
    if "workflow_run" in kept.payload:
        kept.payload["workflow_run"].update(actor=account, triggering_actor=account)
    return kept


@pytest.mark.parametrize("row", ASKING, ids=lambda row: row.what)
def test_bots_ask_for_nothing_unless_they_are_listed(stage: Stage, row: Row) -> None:
    place, policy = stage.place(Repo.PUBLIC), everything_on(stage)
    listed = replace(policy, bots=frozenset({"friend[bot]"}))
    stop = row.means.startswith("stop")
    said = row.means.startswith("answer")

    def means(login: str, kind: str = "Bot") -> str:
        return in_words(decided(by(place.delivery(row.ask), login, kind), listed))

    assert means("friend[bot]") == (row.means if not said else PEOPLE)
    for login, kind in (("friend[bot]x", "Bot"), ("Friend[bot]", "Bot"), ("sly[bot]", "User")):
        found = means(login, kind)
        if stop:  # whoever closes an issue ends the work on it
            assert found == row.means
        elif not said:
            assert found == "nothing: it was a bot that is not listed"
        elif kind == "Bot":
            assert found == PEOPLE
    assert means(place.bot) == "nothing: it was this App itself"


def test_everybody_behind_a_workflow_run_counts(stage: Stage) -> None:
    place = stage.place(Repo.PUBLIC)
    (row,) = [each for each in ROWS if each.what == "a workflow fails on the default branch"]
    kept = place.delivery(row.ask)
    kept.payload["workflow_run"].update(
        actor={"login": "ann", "type": "User"}, triggering_actor={"login": "eve", "type": "User"}
    )
    decision = decided(kept, everything_on(stage))
    assert isinstance(decision, Wanted)
    assert set(decision.request.actors) == {"ann", "eve"}
    kept.payload["workflow_run"]["actor"] = {"login": "bad[bot]", "type": "Bot"}
    assert isinstance(decided(kept, everything_on(stage)), Ignored)


def test_one_failure_that_is_told_in_several_ways_is_one_subject(stage: Stage) -> None:
    place, policy = stage.place(Repo.PUBLIC), replace(stage.policy, checks=Checks.ALL)
    wanted = [
        decision.request.subject
        for row in ROWS
        if row.what in ("a workflow fails on a pull request", "another App's checks fail on a pull request")
        and isinstance(decision := place.decided(row.ask, policy), Wanted)
    ]
    assert len(wanted) == 2
    assert len(set(wanted)) == 1


def test_stops_and_buttons_meet_the_jobs_that_are_asked_for(stage: Stage) -> None:
    """What starts a job and what ends it name the same subject."""
    place, policy = stage.place(Repo.PUBLIC), everything_on(stage)
    found = {row.what: place.decided(row.ask, policy) for row in ROWS}
    started = found["the label is set on an issue"]
    assert isinstance(started, Wanted)
    for what in ("the label is removed", "an issue is closed", "the App is unassigned"):
        stopped = found[what]
        assert isinstance(stopped, Stop)
        assert started.request.subject in stopped.subjects
    again, pressed = found["Re-run on its own check run"], found["the button Stop"]
    assert isinstance(again, Again)
    assert isinstance(pressed, Wanted)
    assert {again.subject, pressed.request.about} == {started.request.subject}


# --- Who may: the job looks it up ---------------------------------------------------------------------------

KINDS: dict[Kind, TaskRequest] = {
    Kind.FIX: REQUEST,
    Kind.EXPLAIN: replace(REQUEST, kind=Kind.EXPLAIN),
    Kind.CHECK: replace(REQUEST, kind=Kind.CHECK, check=FailedCheck(pull=3), comment=7),
    Kind.REVIEW: replace(
        REQUEST, kind=Kind.REVIEW, note=ReviewNote(pull=3, head_sha="a" * 40, comment=7, thread=7)
    ),
    Kind.ERRAND: replace(REQUEST, kind=Kind.ERRAND, command="stop", comment=7),
}
NO = ["triage", "read", "none", "", "owner", "ADMIN"]
ERRORS: list[ForgeError] = [
    ForgeRefused("forbidden", status=403),
    ForgeRefused("not found", status=404),
    ForgeUnavailable("500"),
]


@pytest.mark.parametrize("role", NO)
@pytest.mark.parametrize("kind", list(KINDS))
def test_whoever_may_not_write_gets_nothing(tmp_path: Path, kind: Kind, role: str) -> None:
    world, request = World(tmp_path / "world.json"), KINDS[kind]
    with world.change() as state:
        state["permission"] = role
    repair = FakeRepair(world)
    given = ports(tmp_path / "data", world, repair=repair)
    assert run_job("0" * 32, request, given, lambda: None, 1).ending is Ending.REFUSED
    state = world.read()
    assert (repair.tasks, state["comments"], state["checks"], state["pulls"]) == ([], [], [], [])


@pytest.mark.parametrize("error", ERRORS, ids=str)
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_permission_that_cannot_be_read_is_none(tmp_path: Path, kind: Kind, error: ForgeError) -> None:
    world, repair = World(tmp_path / "world.json"), FakeRepair(World(tmp_path / "world.json"))
    forge = FakeForge(world, faults={"permission": [error] * 60})
    given = ports(tmp_path / "data", world, repair=repair, forges=FakeForges(forge))
    with capture_logs(), pytest.raises(JobFailed):  # drawing tracebacks would take minutes
        run_job("0" * 32, KINDS[kind], given, lambda: None, 1)
    state = world.read()
    assert (repair.tasks, state["comments"], state["checks"], state["pulls"]) == ([], [], [], [])


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_permission_of_everybody_who_asked_counts(tmp_path: Path, kind: Kind) -> None:
    world = World(tmp_path / "world.json")
    with world.change() as state:
        state["roles"] = {"eve": "read"}
    request = replace(KINDS[kind], actors=("ann", "eve"))
    given = ports(tmp_path / "data", world)
    assert run_job("0" * 32, request, given, lambda: None, 1).ending is Ending.REFUSED
