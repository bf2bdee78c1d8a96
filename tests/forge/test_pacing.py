"""The decisions alone: tables and properties."""

from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.github.pacing import (
    LONGEST_LIMIT,
    Answered,
    Decision,
    GiveUp,
    LookFirst,
    Lost,
    Pace,
    Pacer,
    Patience,
    Retry,
    decide,
    mutation_wait,
    rate_limit_wait,
)

NOW = 1_800_000_000.0
PATIENCE = Patience()
RESET = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 7)}


def answered(status: int, **headers: str) -> Answered:
    return Answered(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("method", "event", "attempt", "age", "decision"),
    [
        ("GET", answered(502), 0, None, Retry(1.0)),
        ("GET", answered(502), 2, None, Retry(4.0)),
        ("GET", answered(502), 3, None, GiveUp(temporary=True)),
        ("POST", answered(502), 0, None, LookFirst(1.0)),
        ("PATCH", answered(500), 0, None, LookFirst(1.0)),
        ("DELETE", answered(503), 0, None, LookFirst(1.0)),
        ("GET", Lost(sent=True, reason=""), 0, None, Retry(1.0)),
        ("POST", Lost(sent=True, reason=""), 0, None, LookFirst(1.0)),
        ("POST", Lost(sent=False, reason=""), 0, None, Retry(1.0)),
        ("POST", Lost(sent=False, reason=""), 3, None, GiveUp(temporary=True)),
        ("POST", answered(403, retry_after="7"), 0, None, Retry(7.0)),
        ("POST", answered(403, retry_after="60"), 0, None, GiveUp(temporary=True, retry_after=60.0)),
        ("POST", answered(429, retry_after="7"), 3, None, GiveUp(temporary=True, retry_after=7.0)),
        ("POST", Answered(status=403, headers=RESET), 0, None, Retry(7.0)),
        ("GET", answered(429), 0, None, GiveUp(temporary=True, retry_after=60.0)),
        ("GET", answered(401), 0, None, GiveUp(temporary=False)),
        ("GET", answered(401), 0, 0.5, Retry(1.0)),
        ("POST", answered(403), 1, 3.0, Retry(2.0)),
        ("POST", answered(403), 3, 9.0, GiveUp(temporary=False)),
        ("POST", answered(403), 0, 60.0, GiveUp(temporary=False)),
        ("POST", answered(422), 0, 0.5, GiveUp(temporary=False)),
        ("GET", answered(404, retry_after="7"), 0, 0.5, GiveUp(temporary=False)),
    ],
)
def test_the_decision(
    method: str, event: Answered | Lost, attempt: int, age: float | None, decision: Decision
) -> None:
    assert decide(method, event, attempt, NOW, token_age=age, patience=PATIENCE) == decision


EVENTS = st.one_of(
    st.builds(Lost, sent=st.booleans(), reason=st.text()),
    st.builds(
        Answered,
        status=st.sampled_from((400, 401, 403, 404, 408, 409, 410, 422, 429, 451, 500, 502, 503, 504)),
        headers=st.dictionaries(
            st.sampled_from(("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset")),
            st.one_of(st.text(), st.integers().map(str), st.datetimes().map(str)),
        ),
        message=st.text(),
    ),
)


@given(
    st.sampled_from(("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")),
    EVENTS,
    st.integers(0, 50),
    st.floats(0, 4e9),
    st.one_of(st.none(), st.floats(0, 1e6)),
)
def test_every_decision_is_safe_and_ends(
    method: str, event: Answered | Lost, attempt: int, now: float, age: float | None
) -> None:
    decision = decide(method, event, attempt, now, token_age=age, patience=PATIENCE)
    maybe_done = (isinstance(event, Lost) and event.sent) or (
        isinstance(event, Answered) and (event.status >= 500 or event.status == 408)
    )
    match decision:
        case Retry(after):
            assert method in ("GET", "HEAD") or not maybe_done, "a change is never repeated blindly"
            assert attempt < len(PATIENCE.pauses)
            assert 0 <= after <= PATIENCE.longest_wait
        case LookFirst(after):
            assert maybe_done
            assert method not in ("GET", "HEAD")
            assert after >= 0
        case GiveUp(retry_after=after):
            assert after is None or 0 <= after <= LONGEST_LIMIT


@given(EVENTS.filter(lambda event: isinstance(event, Answered)), st.integers(0, 10_000), st.floats(0, 4e9))
def test_a_wait_is_finite(event: Answered, attempt: int, now: float) -> None:
    wait = rate_limit_wait(event, attempt, now)
    assert wait is None or (math.isfinite(wait) and 0 <= wait <= LONGEST_LIMIT)


@given(st.lists(st.floats(0, 20), max_size=60), st.integers(1, 8), st.integers(1, 20), st.floats(0, 3))
def test_no_window_is_ever_overfull(
    gaps: list[float], per_minute: int, per_hour: int, between: float
) -> None:
    pace = Pace(between=between, per_minute=per_minute, per_hour=max(per_hour, per_minute))
    now, sent = 0.0, list[float]()
    for gap in gaps:
        now += gap
        now += mutation_wait(sent, now, pace)
        sent.append(now)
    slack = 1e-6
    for index, moment in enumerate(sent):
        earlier = sent[:index]
        assert sum(1 for each in earlier if each > moment - 60 + slack) < per_minute
        assert sum(1 for each in earlier if each > moment - 3600 + slack) < pace.per_hour
        assert not earlier or moment - earlier[-1] >= between - slack


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    times = [NOW]
    pacer = Pacer(Pace(), clock=lambda: times[-1], longest_wait=20.0)
    assert [pacer.turn(mutates=True) for _ in range(3)] == [0.0, 1.0, 2.0]
    times.append(NOW - 1e6)
    assert [pacer.turn(mutates=True) for _ in range(3)] == [0.0, 1.0, 2.0]


def test_a_pacer_gives_each_thread_its_own_turn() -> None:
    pacer = Pacer(Pace(), clock=lambda: NOW, longest_wait=100.0)
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(pacer.turn(mutates=True))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [float(number) for number in range(10)]
    assert pacer.turn(mutates=False) == 0.0


def test_a_turn_that_is_too_far_away_is_not_taken() -> None:
    pacer = Pacer(Pace(), clock=lambda: NOW, longest_wait=1.5)
    assert [pacer.turn(mutates=True) for _ in range(4)] == [0.0, 1.0, 2.0, 2.0]
    pacer.hold(500)
    assert pacer.turn(mutates=False) == 500.0
    pacer.hold(5)
    assert pacer.turn(mutates=False) == 500.0, "a shorter hold does not end a longer one"
