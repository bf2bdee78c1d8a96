"""Catching up: what is asked for again and what is not, by the real ledger against the double (threat 3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import create_app
from bot.deliveries.catch_up import (
    LONGEST_AGO,
    MOST_ATTEMPTS,
    QUIET,
    UNDER_WAY,
    CatchUps,
    CaughtUp,
    Never,
    NotNow,
    Round,
    catch_up,
    plan,
)
from bot.deliveries.ledger import DeliveryLedger
from bot.github.app import AppDesk, Attempt
from bot.github.client import AppKeys, Link
from tests.double.faults import PrimaryRateLimit, ResetAfter, Status
from tests.double.server import Credentials, GitHubDouble
from tests.double.state import Delivery
from tests.setup.support import Clock, quick
from tests.webhook.test_app import GUID, OK, Client, MemoryJobs, post, web

NOW = 1_700_000_000.0


# --- Deciding ---


def attempt(number: int, ago: float, status: int = 502, guid: str = "g") -> Attempt:
    moment = datetime.fromtimestamp(NOW - ago, UTC)
    return Attempt(id=number, guid=guid, delivered_at=moment, status_code=status)


@dataclass(frozen=True)
class Row:
    rows: tuple[Attempt, ...]
    again: tuple[int, ...] = ()
    hopeless: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    began_ago: float = 86_400.0
    settled_ago: float | None = None  # what is settled afterwards


ROWS = {
    "nothing": Row(()),
    "failed": Row((attempt(1, 60),), again=(1,), settled_ago=60),
    "failed, but arrived": Row((attempt(1, 60),), known=("g",), settled_ago=60),
    "answered and arrived": Row((attempt(1, 600, 202),), known=("g",), settled_ago=600),
    "answered, never arrived: a relay": Row((attempt(1, 600, 200),), again=(1,), settled_ago=600),
    "answered just now: on its way": Row((attempt(1, UNDER_WAY - 1, 200),), settled_ago=UNDER_WAY - 1),
    "answered before anything was written down": Row((attempt(1, 600, 200),), began_ago=500, settled_ago=600),
    "failed before anything was written down": Row(
        (attempt(1, 600),), began_ago=500, again=(1,), settled_ago=600
    ),
    "too old": Row((attempt(1, LONGEST_AGO + 1),)),
    "failed twice": Row((attempt(1, 900), attempt(2, 300)), again=(2,), settled_ago=900),
    "failed, then answered and lost on the way": Row(
        (attempt(1, 900), attempt(2, 300, 200)), again=(2,), settled_ago=900
    ),
    "failed too often": Row(
        tuple(attempt(number, 900 - number) for number in range(1, MOST_ATTEMPTS + 1)),
        hopeless=("g",),
        settled_ago=900 - MOST_ATTEMPTS,
    ),
    "the oldest first, each once": Row(
        tuple(attempt(*row) for row in ((7, 30, 0, "c"), (5, 60, 0, "b"), (4, 90, 0, "a"), (6, 40, 0, "a"))),
        again=(5, 6, 7),
        settled_ago=90,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_plan(row: Row) -> None:
    todo = plan(row.rows, known=row.known, began=NOW - row.began_ago, now=NOW, settled=0.0)
    assert tuple(each.id for each in todo.again) == row.again
    assert todo.hopeless == row.hopeless
    if row.settled_ago is not None:
        assert todo.settled == NOW - row.settled_ago


ATTEMPTS = st.builds(
    attempt,
    st.integers(1, 10_000),
    st.floats(0, 4 * 86_400.0),
    st.sampled_from([0, 200, 202, 401, 502]),
    st.sampled_from("abcdef"),
)


@given(st.lists(ATTEMPTS, max_size=30, unique_by=lambda each: each.id), st.sets(st.sampled_from("abcdef")))
def test_nothing_that_is_left_to_do_is_settled(rows: list[Attempt], known: set[str]) -> None:
    todo = plan(rows, known=known, began=NOW - 86_400, now=NOW, settled=0.0)
    firsts = {
        guid: min(row.delivered_at for row in rows if row.guid == guid) for guid in {r.guid for r in rows}
    }
    for each in todo.again:
        assert each.guid not in known
        assert firsts[each.guid].timestamp() >= todo.settled
    assert len({each.guid for each in todo.again}) == len(todo.again)


# --- Doing ---


@dataclass
class Stage:
    github: GitHubDouble
    app: Credentials
    database: str
    clock: Clock = field(default_factory=lambda: Clock(time.time()))

    def ledger(self) -> DeliveryLedger:
        ledger = DeliveryLedger(self.database, self.clock)
        ledger.prepare()
        return ledger

    def desk(self) -> AppDesk:
        return AppDesk(
            AppKeys(issuer=str(self.app.app_id), private_key=self.app.private_key),
            Link(api_url=self.github.api_url),
            habits=quick(self.clock),
        )

    def failed(self, guid: str, *, status: int = 0) -> Delivery:
        """A delivery that nobody took (0), or that was answered with this."""
        delivery = self.github.deliver("ping", {"zen": guid}, to="http://127.0.0.1:9/webhook", guid=guid)
        delivery.status_code = status
        return delivery

    def asked_again(self) -> int:
        self.github.hooks.join()
        return len(self.github.requests_to("POST", r"/attempts$"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with GitHubDouble(tmp_path / "github") as github:
        github.create_repository("octo/demo", files={"a.py": ""})
        app = github.install_app(["octo/demo"], webhook_url="http://127.0.0.1:9/webhook")
        yield Stage(github, app, f"sqlite:///{tmp_path / 'codeagent.sqlite'}")
    github.check()


@pytest.fixture
def once(stage: Stage) -> Iterator[Callable[[], Round]]:
    """A round, a little after the last one."""
    desk, ledger = stage.desk(), stage.ledger()

    def go() -> Round:
        stage.clock.now += QUIET + 1
        return catch_up(desk, ledger, clock=stage.clock)

    yield go
    desk.close()
    ledger.close()


def test_what_failed_is_asked_for_until_it_arrives(stage: Stage, once: Callable[[], Round]) -> None:
    for number in range(3):
        stage.failed(f"guid-fail-{number}")
    stage.failed("guid-fine", status=202)
    ledger = stage.ledger()
    ledger.arrived("guid-fine")
    assert once() == CaughtUp(listed=4, again=3)
    assert stage.asked_again() == 3
    ledger.arrived("guid-fail-0")
    ledger.arrived("guid-fail-0")  # twice is once
    assert once() == CaughtUp(listed=7, again=2)
    assert stage.asked_again() == 5
    for number in (1, 2):
        ledger.arrived(f"guid-fail-{number}")
    assert once() == CaughtUp(listed=9, again=0)
    ledger.close()


def test_it_gives_up_on_what_always_fails(stage: Stage, once: Callable[[], Round]) -> None:
    stage.failed("guid-bad")
    rounds = []
    for _ in range(MOST_ATTEMPTS + 3):
        rounds.append(once())
        stage.asked_again()
    assert stage.asked_again() == MOST_ATTEMPTS - 1
    assert [each.hopeless for each in rounds if isinstance(each, CaughtUp)].count(1) == 1


def test_what_a_relay_swallowed_is_asked_for_when_it_cannot_be_under_way_any_more(
    stage: Stage, once: Callable[[], Round]
) -> None:
    stage.github.clock.advance(5)  # after arrivals began to be written down
    stage.failed("guid-astray", status=200)
    found = [once() for _ in range(3)]
    assert [each.again for each in found if isinstance(each, CaughtUp)] == [0, 0, 1]
    assert stage.asked_again() == 1


def test_pages_are_followed_and_old_ones_are_not_read_again(stage: Stage, once: Callable[[], Round]) -> None:
    rows = [stage.failed(f"guid-{number}", status=202) for number in range(130)]
    ledger = stage.ledger()
    for row in rows:
        ledger.arrived(row.guid)
    assert once() == CaughtUp(listed=130, again=0)
    assert len(stage.github.requests_to("GET", "/app/hook/deliveries$")) == 2
    for row in stage.github.world.deliveries:  # an hour passes
        row.delivered = datetime.fromtimestamp(row.delivered.timestamp() - 3600, UTC)
    stage.failed("guid-new")
    assert once() == CaughtUp(listed=1, again=1)
    assert len(stage.github.requests_to("GET", "/app/hook/deliveries$")) == 3
    ledger.close()


def test_several_servers_do_it_once(stage: Stage, database: str) -> None:
    stage = replace(stage, database=database)
    for number in range(5):
        stage.failed(f"guid-{number}")
    start = threading.Barrier(4, timeout=20)
    rounds: list[Round] = []

    def server() -> None:
        desk, ledger = stage.desk(), stage.ledger()
        start.wait()
        rounds.append(catch_up(desk, ledger, clock=stage.clock))
        desk.close()
        ledger.close()

    threads = [threading.Thread(target=server) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stage.asked_again() == 5
    assert sorted(type(each).__name__ for each in rounds) == ["CaughtUp", "NotNow", "NotNow", "NotNow"]


@pytest.mark.parametrize(
    ("path", "fault", "times", "result", "asked"),
    [
        (r"/deliveries$", Status(404), None, Never, 0),
        (r"/deliveries$", Status(403), None, NotNow, 0),
        (r"/deliveries$", Status(401), None, NotNow, 0),
        (r"/deliveries$", Status(502), None, NotNow, 0),
        (r"/deliveries$", PrimaryRateLimit(reset=900), None, NotNow, 0),
        (r"/deliveries$", Status(502), 1, CaughtUp, 3),
        (r"/attempts$", PrimaryRateLimit(reset=900), None, NotNow, 1),
        (r"/attempts$", Status(403), None, NotNow, 1),
        (r"/attempts$", Status(404), 1, CaughtUp, 3),
        (r"/attempts$", ResetAfter(), 1, CaughtUp, 3),
        (r"/attempts$", Status(502), 1, CaughtUp, 3),
    ],
    ids=repr,
)
def test_faults(
    path: str,
    fault: Status | PrimaryRateLimit | ResetAfter,
    times: int | None,
    result: type[Round],
    asked: int,
    stage: Stage,
    once: Callable[[], Round],
) -> None:
    for number in range(3):
        stage.failed(f"guid-{number}")
    stage.github.faults.add("*", path, fault, times=times)
    assert isinstance(once(), result)
    assert stage.asked_again() == asked
    if isinstance(fault, PrimaryRateLimit):
        stage.github.faults.clear()
        stage.clock.now += 1000
        assert once() == CaughtUp(listed=3, again=3), "nothing was taken for done"


@pytest.mark.parametrize(
    ("body", "headers", "status", "arrived"),
    [
        (OK, {}, 202, True),
        (OK, {"X_GitHub_Event": "push"}, 200, True),  # nothing is asked for: it need not come again
        (OK, {"X_Hub_Signature_256": "sha256=" + "0" * 64}, 401, False),
        (b"{", {}, 400, False),
        (OK, {"Content_Type": "text/plain"}, 415, False),
    ],
)
def test_what_counts_as_arrived(
    body: bytes, headers: dict[str, str | None], status: int, arrived: bool
) -> None:
    told: list[str] = []
    client = Client(create_app(replace(web(MemoryJobs()), arrived=told.append)))
    assert post(client, body, **headers).status_code == status
    assert told == ([GUID] if arrived else [])


def test_what_could_not_be_queued_has_not_arrived() -> None:
    told: list[str] = []
    client = Client(create_app(replace(web(MemoryJobs(down=True)), arrived=told.append)))
    assert post(client, OK).status_code == 503
    assert told == []


def test_a_database_that_fails_loses_no_delivery(tmp_path: Path) -> None:
    ledger = DeliveryLedger(f"sqlite:///{tmp_path / 'gone' / 'x.sqlite'}")
    (tmp_path / "gone" / "x.sqlite").mkdir(parents=True)
    ledger.arrived("guid")  # is logged, and no more
    ledger.close()


def test_the_thread_tries_again_soon_after_trouble_and_ends_where_there_is_nothing() -> None:
    rounds: list[Round | None] = [None, NotNow("502"), Never("404")]
    calls: list[int] = []

    def round_(stopped: Callable[[], bool]) -> Round:
        assert not stopped()
        done = rounds[len(calls)]
        calls.append(1)
        if done is None:
            raise RuntimeError("x")
        return done

    with CatchUps(round_, first=0.0, soon=0.01) as running:
        running._thread.join(10)
        assert not running._thread.is_alive()
    assert calls == [1, 1, 1]
