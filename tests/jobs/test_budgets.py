"""Budgets of days and months: decided purely, kept on both databases, told on the issue."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.ledger import Cost
from agent.llm.record import ASK, Record, to_json
from agent.llm.types import Prompt
from agent.protocols import JsonObject
from agent.types import Budget
from bot.budgets import (
    Account,
    Cap,
    Left,
    NoPurse,
    OverBudget,
    Period,
    Scope,
    Used,
    What,
    caps_of,
    judge,
)
from bot.jobs.store import JobStore, open_engine
from bot.queue import Ending, JobResult, Kind, QueueUnavailable
from bot.repo_config import RepoConfig, tighten_budget
from bot.settings_groups import DaySettings
from bot.spending import Spending
from bot.work.budget import Accounted
from bot.workflow import run_job
from tests.jobs.test_jobs import REQUEST, delivery
from tests.workflow.fakes import FakeRepair, World, ports

NOON = datetime(2026, 2, 27, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0
PROMPT = Prompt(system="s", stable="", turn="t")


def cap(most: float, what: What = What.RUNS, scope: Scope = Scope.PLACE, period: Period = Period.DAY) -> Cap:
    return Cap(scope=scope, period=period, what=what, most=most)


# --- What is decided ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caps", "used", "verdict"),
    [
        ([], Used(runs=10**6), Left()),
        ([cap(3)], Used(runs=2), Left()),
        ([cap(3)], Used(runs=3), OverBudget(cap=cap(3), used=3, resets=NOON + DAY / 2)),
        ([cap(0)], Used(), OverBudget(cap=cap(0), used=0, resets=NOON + DAY / 2)),
        ([cap(100, What.TOKENS), cap(80, What.TOKENS)], Used(tokens=30), Left(tokens=50)),
        ([cap(2.0, What.MONEY)], Used(money=0.5), Left(money=1.5)),
        (
            [cap(2.0, What.MONEY), cap(2.0, What.MONEY, Scope.INSTALLATION, Period.MONTH)],
            Used(money=2.5),
            OverBudget(  # the one that lasts longer
                cap=cap(2.0, What.MONEY, Scope.INSTALLATION, Period.MONTH),
                used=2.5,
                resets=datetime(2026, 3, 1, tzinfo=UTC).timestamp(),
            ),
        ),
    ],
)
def test_caps(caps: list[Cap], used: Used, verdict: Left | OverBudget) -> None:
    assert judge(caps, lambda _scope, _period: used, NOON) == verdict


@given(st.floats(min_value=0, max_value=4e9), st.sampled_from(Period))
def test_periods_hold_their_moments(now: float, period: Period) -> None:
    assert period.begins(now) <= now < period.ends(now)
    assert period.begins(period.ends(now)) == period.ends(now)


def test_zero_is_no_cap_in_settings_and_nothing_in_a_repository() -> None:
    assert caps_of(Scope.INSTALLATION, Period.DAY, DaySettings(), zero_is_none=True) == ()
    paused = RepoConfig.model_validate({"budget": {"day": {"runs": 0}}})
    (none,) = caps_of(Scope.REPOSITORY, Period.DAY, paused.budget.day, zero_is_none=False)
    assert none.most == 0


# --- What is kept -------------------------------------------------------------------------------------------


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def purse(database: str, clock: Clock) -> Iterator[Spending]:
    engine = open_engine(database)
    store = JobStore(engine)
    store.create_tables()
    yield Spending(store.writing, clock)
    engine.dispose()


def account(run: str, **changes: object) -> Account:
    return Account.of(run, replace(REQUEST, **changes))  # type: ignore[arg-type]


def test_a_loop_on_one_issue_ends(purse: Spending, clock: Clock) -> None:
    """Threat 6: whatever triggers whatever, one issue has so many runs a day."""
    caps = [cap(2)]
    assert purse.admit(account("a"), "job a", caps) == Left()
    assert purse.admit(account("a"), "job a", caps) == Left()  # after a kill: counted once
    assert purse.admit(account("b", kind=Kind.EXPLAIN), "job b", caps) == Left()
    over = purse.admit(account("c"), "job c", caps)
    assert isinstance(over, OverBudget)
    assert purse.admit(account("d", issue=4), "job d", caps) == Left()
    clock.now += DAY
    assert purse.admit(account("e"), "job e", caps) == Left()


def test_many_at_once_do_not_slip_through(purse: Spending) -> None:
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda n: purse.admit(account(f"{n}"), f"job {n}", [cap(5)]), range(16)))
    assert sum(isinstance(verdict, Left) for verdict in verdicts) == 5


def test_money_is_booked_as_a_sum_and_on_its_day(purse: Spending, clock: Clock) -> None:
    installation = [cap(10.0, What.MONEY, Scope.INSTALLATION), cap(1000, What.TOKENS, Scope.REPOSITORY)]
    purse.book(account("a"), Used(tokens=100, money=1.0))
    purse.book(account("a"), Used(tokens=300, money=4.0))
    purse.book(account("a"), Used(tokens=300, money=4.0))  # once more, after a kill
    purse.book(account("a"), Used(tokens=100, money=1.0))  # from the beginning, as its journal is read again
    purse.book(account("b", repository_id=9), Used(tokens=50, money=3.0))
    assert purse.admit(account("c"), "job c", installation) == Left(tokens=700, money=3.0)
    assert purse.admit(account("d", installation=8), "job d", installation) == Left(tokens=1000, money=10.0)
    clock.now += 2 * DAY  # the first of March
    purse.book(account("a"), Used(tokens=400, money=9.0))
    left = purse.admit(account("e"), "job e", installation)
    assert left == Left(tokens=900, money=5.0)
    monthly = [cap(10.0, What.MONEY, Scope.INSTALLATION, Period.MONTH)]
    assert purse.admit(account("f"), "job f", monthly) == Left(money=5.0)
    clock.now += 90 * DAY
    purse.forget_old()
    purse.book(account("g"), Used(money=12.0))
    assert isinstance(purse.admit(account("h"), "job h", monthly), OverBudget)


# --- What becomes of a job ----------------------------------------------------------------------------------


class FullPurse(NoPurse):
    """Lets so many runs begin."""

    def __init__(self, runs: int, left: Left | None = None) -> None:
        self.runs = runs
        self.left = left or Left()
        self.asked: list[tuple[Cap, ...]] = []

    def admit(self, account: Account, job: str, caps: object) -> Left | OverBudget:  # noqa: ARG002
        assert isinstance(caps, tuple)
        self.asked.append(caps)
        self.runs -= 1
        if self.runs >= 0:
            return self.left
        return OverBudget(cap=cap(30), used=30, resets=NOON + DAY / 2)


def test_over_budget_is_said_on_the_issue_and_nothing_is_run(tmp_path: Path) -> None:
    world = World(tmp_path / "world.json")
    purse = FullPurse(0)
    job = ports(tmp_path / "data", world, purse=purse, caps=(cap(30),), repair=FakeRepair(world))
    for _ in range(2):  # again, after a kill: the answer is the same and the purse is asked once
        result = run_job("a" * 32, REQUEST, job, lambda: None)
        assert result.ending is Ending.OVER_BUDGET
    (comment,) = world.read()["comments"]
    assert "a budget is used up" in comment["body"]
    assert "Allowed are 30 runs in a day here; 30 runs are used." in comment["body"]
    assert "2026-02-28 00:00 UTC" in comment["body"]
    assert len(purse.asked) == 1
    assert world.calls("run") == 0


def test_a_run_is_held_to_what_is_left(tmp_path: Path) -> None:
    seen: list[RepoConfig] = []

    class Repair(FakeRepair):
        def __call__(self, *arguments: object, config: RepoConfig, **options: object) -> object:  # type: ignore[override]
            seen.append(config)
            return super().__call__(*arguments, config=config, **options)  # type: ignore[arg-type]

    world = World(tmp_path / "world.json")
    purse = FullPurse(1, Left(tokens=70, money=0.25))
    job = ports(tmp_path / "data", world, purse=purse, repair=Repair(world))
    result: JobResult = run_job("a" * 32, REQUEST, job, lambda: None)
    assert result.ending is Ending.SOLVED
    budget = tighten_budget(seen[0], Budget(max_tokens=1000))
    assert (budget.max_tokens, budget.max_money) == (70, 0.25)


# --- What is counted while it goes on -----------------------------------------------------------------------


class Memory:
    """A journal in memory: what it holds is not performed again."""

    def __init__(self) -> None:
        self.held: dict[str, JsonObject] = {}

    def effect(self, kind: str, request: JsonObject, perform: object) -> JsonObject:
        key = f"{kind} {sorted(request.items())}"
        if key not in self.held:
            assert callable(perform)
            self.held[key] = perform()
        return self.held[key]

    def note(self, kind: str, body: JsonObject) -> None: ...


def test_each_answer_is_counted_once_however_often_it_is_read() -> None:
    memory, booked, observed = Memory(), list[Used](), list[str]()
    record = Record(
        prompt=Prompt(system="s", stable="", turn="t"), cost=2 * 10**12, lost=Cost(tokens=7, money=10**12)
    )
    for _ in range(2):  # the second one is the run resumed
        journal = Accounted(memory, booked.append, lambda kind, _answer: observed.append(kind))
        for number in (1, 2, 2):
            journal.effect(ASK, {"prompt": number}, lambda: to_json(record))
        journal.effect("run", {}, lambda: {"completed": {"seconds": 1.0}})
        journal.book()
        assert booked[-1] == Used(tokens=14, money=6.0)
    assert observed == [ASK, ASK, "run"]


def test_a_database_that_is_away_does_not_stand_in_the_way() -> None:
    def away(_used: Used) -> None:
        raise QueueUnavailable("gone")

    journal = Accounted(Memory(), away, lambda _kind, _answer: None)
    record = Record(prompt=PROMPT, cost=1)
    assert journal.effect(ASK, {"prompt": 1}, lambda: to_json(record))["cost"] == 1
    journal.book()


def test_a_branch_is_a_place_too() -> None:
    check = delivery(1, kind=Kind.CHECK, issue=0)
    assert Account.of("r", check).place == check.subject[:200]
