"""Issue 2, "must be shown" no. 4: however often a delivery comes, there is one of everything (threats 2,
22)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.support import ISSUE, LABEL, Asked, Service, answer_of, until, with_files
from tests.double.faults import Status
from tests.double.state import Delivery

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]

GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def one_of_everything(asked: Asked) -> None:
    assert len(asked.pulls) == 1
    assert len(asked.comments) == 1
    assert len(asked.checks) == 1
    assert asked.pulls[0].state == "open"
    assert asked.checks[0].conclusion == "success"
    assert f"pull/{asked.pulls[0].number}" in asked.comment


def creates(asked: Asked) -> list[tuple[str, str]]:
    """What the bot asked GitHub to make in this repository."""
    path = f"/repos/{asked.repository}/"
    return [(each.method, each.path) for each in asked.github.requests_to("POST", path)]


def test_twenty_at_once_and_again_after_completion(service: Service) -> None:
    repository = service.repository("twenty", with_files())
    github = service.github
    number = github.create_issue(repository, *ISSUE, author="bob")
    payload = github.issues_payload(repository, number, "labeled", "alice", LABEL)

    def deliver(guid: str) -> Delivery:
        return github.deliver("issues", payload, guid=guid)

    # Three of them have other GUIDs: the label set by three people, say.
    guids = [GUID] * 17 + [f"{GUID[:-1]}{last}" for last in "abc"]
    with ThreadPoolExecutor(max_workers=20) as pool:
        deliveries = list(pool.map(deliver, guids))
    assert {each.status_code for each in deliveries} == {202}
    answers = [answer_of(each) for each in deliveries]
    assert len({answer["job"] for answer in answers}) == 1
    assert [answer["new"] for answer in answers].count(True) == 1

    asked = Asked(github=github, repository=repository, number=number, delivery=deliveries[0]).finished()
    one_of_everything(asked)
    before = creates(asked)

    with ThreadPoolExecutor(max_workers=20) as pool:
        again = [answer_of(each) for each in pool.map(deliver, [GUID] * 20)]
    assert {(answer["job"], answer["new"]) for answer in again} == {(asked.job, False)}
    one_of_everything(asked)
    assert creates(asked) == before
    assert [run.name for run in (service.data / "runs").glob(f"{asked.job}*")] == [asked.job]


def test_a_redelivery_after_a_failed_job_runs_again(service: Service) -> None:
    repository = service.repository("failing", with_files())
    fault = service.github.faults.add("POST", rf"/repos/{repository}/check-runs$", Status(422), times=None)
    asked = service.ask(repository).answered("I could not go on")
    assert "Traceback" not in asked.comment
    assert asked.pulls == []
    assert asked.checks == []
    # The comment is written before the queue knows; until then a redelivery gets the job that is ending.
    until(lambda: service.state(asked.job) == "failed", lambda: "the job to be known as failed")

    fault.left = 0
    again = service.github.redeliver(asked.delivery.guid)
    answer = answer_of(again)
    assert again.status_code == 202
    assert answer["new"] is True
    assert answer["job"] != asked.job
    asked.finished()
    one_of_everything(asked)

    third = answer_of(service.github.redeliver(asked.delivery.guid))
    assert (third["job"], third["new"]) == (answer["job"], False)
