"""Paid once: resumed, killed, replayed, asked by several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BudgetSpent, ModelUnusable
from agent.journal import FileJournal, MemoryJournal, ReplayJournal, read_journal
from agent.llm.desk import ModelDesk
from agent.llm.exchange import Call, Exchange
from agent.llm.pricing import Prices
from agent.llm.record import ASK, CALL, recorded_asks
from agent.llm.types import Answer, Failed, Misbehaviour
from agent.protocols import JsonObject
from agent.types import Budget, StopReason
from tests.llm.desks import GOOD, Time, endpoint, make_desk, question
from tests.scripted_model.replies import Refuses, Reset, Status, rate_limited
from tests.scripted_model.server import Asked, ScriptedModel

QUESTIONS = tuple(question(f"Question {number}?") for number in range(4))


def play(asked: Asked) -> Any:
    return {"reason": f"because of {asked.user[-2]}", "use": True}


def file_journal(path: Path, kind: type[FileJournal] = FileJournal) -> FileJournal:
    return kind(path, run="r", task={})


def test_the_same_question_is_paid_once() -> None:
    with ScriptedModel(play) as model, endpoint(model) as line:
        desk = make_desk(line)
        assert desk.ask(question()) == desk.ask(question())
        assert desk.ask(question(attempt=1)) is not None
        assert (model.billed.calls, desk.spend.model_calls) == (2, 2)


def test_a_resumed_run_pays_nothing_again_and_a_replay_needs_no_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    replies = [{"wrong": 1}, GOOD, Refuses(), Reset(billed=True, says='{"reason": "r", "use": false}'), GOOD]
    with ScriptedModel(replies) as model, endpoint(model) as line:
        with file_journal(path) as journal:
            desk = make_desk(line, journal)
            first = ask_all(desk)
            spend = desk.spend
        requests = len(model.requests)
        with file_journal(path) as journal:
            desk = make_desk(line, journal)
            assert ask_all(desk) == first
            assert desk.spend == spend
        assert len(model.requests) == requests
    desk = make_desk(None, ReplayJournal(path))
    assert ask_all(desk) == first
    assert desk.spend == spend
    assert [type(each) for each in first] == [Answer, Failed, Answer, Answer]


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


def dying(at: int, when: str) -> type[FileJournal]:
    """Ends the process before or after the at-th record is on disk."""

    class Dying(FileJournal):
        left = at

        def _append(self, record: JsonObject, *, durable: bool) -> None:
            if "effect" not in record:
                super()._append(record, durable=durable)
                return
            if self.left == 0 and when == "before":
                raise Killed
            super()._append(record, durable=durable)
            if self.left == 0 and when == "after":
                raise Killed
            self.left -= 1

    return Dying


def ask_all(desk: ModelDesk) -> list[Any]:
    return [desk.ask(each) for each in QUESTIONS]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(8))
def test_killed_anywhere_every_prompt_is_answered_once(tmp_path: Path, at: int, when: str) -> None:
    """Eight records: an intent and an answer for each question."""
    path = tmp_path / "journal"
    with ScriptedModel(play) as model, endpoint(model) as line:
        with file_journal(path, dying(at, when)) as journal:
            desk = make_desk(line, journal)
            with pytest.raises(Killed):
                ask_all(desk)
        with file_journal(path) as journal:
            desk = make_desk(line, journal)
            answers = ask_all(desk)
        assert all(isinstance(answer, Answer) for answer in answers)
        assert len({asked.prompt for asked in model.answered}) == len(model.answered) == 4
        in_mid_call = (at % 2 == 0 and when == "after") or (at % 2 == 1 and when == "before")
        if in_mid_call:
            assert desk.spend.tokens > model.billed.tokens
            assert desk.spend.model_calls == 5
        else:
            assert desk.spend.tokens == model.billed.tokens
            assert desk.spend.model_calls == 4
    replayed = make_desk(None, ReplayJournal(path))
    assert ask_all(replayed) == answers
    assert replayed.spend == desk.spend


def test_what_earlier_processes_lost_counts_before_it_is_come_to(tmp_path: Path) -> None:
    path, caps = tmp_path / "journal", Budget(max_tokens=4000)
    with ScriptedModel(play) as model, endpoint(model) as line:
        with pytest.raises(Killed), file_journal(path, dying(0, "after")) as journal:
            make_desk(line, journal, budget=caps).ask(QUESTIONS[0])
        with file_journal(path) as journal:
            desk = make_desk(line, journal, budget=caps)
            with pytest.raises(BudgetSpent):  # another question first: the lost call is known all the same
                desk.ask(QUESTIONS[1])
        assert model.requests == ()


def test_a_cap_that_stopped_a_run_stops_its_replay_there(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    long = {"reason": "word " * 400, "use": True}
    with ScriptedModel([long] * 4) as model, endpoint(model) as line, file_journal(path) as journal:
        desk = make_desk(line, journal, budget=Budget(max_money=0.0015))
        with pytest.raises(BudgetSpent) as caught:
            ask_all(desk)
        assert caught.value.stop is StopReason.MONEY
        assert "the cap is $0.0015" in str(caught.value)
        asked = len(model.answered)
        assert 0 < asked < 4
    replayed = make_desk(None, ReplayJournal(path))
    for each in QUESTIONS[:asked]:
        assert isinstance(replayed.ask(each), Answer)
    with pytest.raises(BudgetSpent) as again:
        replayed.ask(QUESTIONS[asked])
    assert (again.value.stop, str(again.value)) == (StopReason.MONEY, str(caught.value))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"line": None}, "no model endpoint is configured"),
        ({"prices": {}}, "no price is known for the model scripted, so the cap of \\$1 cannot be kept"),
    ],
)
def test_what_cannot_be_used_is_recorded_too(change: dict[str, Any], said: str) -> None:
    journal = MemoryJournal()
    with ScriptedModel([]) as model, endpoint(model) as line:
        used = None if "line" in change else line
        prices = Prices() if "prices" in change else None
        for _ in range(2):  # the second time from the journal
            with pytest.raises(ModelUnusable, match=said):
                make_desk(used, journal, budget=Budget(max_money=1.0), prices=prices).ask(question())
        assert model.requests == ()


def test_without_a_price_and_without_a_cap_money_is_nothing_and_that_is_said() -> None:
    with ScriptedModel(play) as model, endpoint(model) as line:
        desk = make_desk(line, prices=Prices())
        assert isinstance(desk.ask(question()), Answer)
        assert desk.spend.money == 0
        assert desk.remarks == ("no price is known for scripted: it is counted as $0",)


def test_several_threads_with_one_question_make_one_call() -> None:
    with ScriptedModel(play, latency=0.05) as model, endpoint(model) as line:
        desk = make_desk(line)
        answers = in_threads([lambda: desk.ask(question())] * 6)
        assert len(model.requests) == 1
        assert all(answer == answers[0] for answer in answers)


def test_several_threads_keep_a_cap_together() -> None:
    """Room for four calls at their worst case: whatever the timing, never more at once."""
    with ScriptedModel(play, latency=0.05) as model, endpoint(model) as line:
        desk = make_desk(line, budget=Budget(max_tokens=10_500))
        in_threads([lambda text=str(number): attempt(desk.ask, question(text)) for number in range(8)])
        assert 0 < model.billed.calls < 8
        assert model.billed.tokens == desk.spend.tokens


def attempt(ask: Callable[[Any], Any], what: Any) -> Any:
    try:
        return ask(what)
    except BudgetSpent as spent:
        return spent


def in_threads(work: list[Callable[[], Any]]) -> list[Any]:
    done: list[Any] = [None] * len(work)

    def run(number: int) -> None:
        done[number] = work[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_a_run_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with (
        ScriptedModel([rate_limited(3), GOOD]) as model,
        endpoint(model) as line,
        file_journal(path) as journal,
    ):
        make_desk(line, journal, time=Time(seconds=5.0)).ask(question())
    records = read_journal(path).records
    assert [record["effect"] for record in records] == [CALL, ASK]
    ((request, said),) = recorded_asks(records)
    assert (request["component"], request["attempt"]) == ("decision", 0)
    assert (said.prompt.system, said.prompt.turn) == ("You judge.", "Is it so?")
    assert (said.kind, said.model, said.calls, round(said.clock, 6)) == (None, "scripted", 1, 8.0)
    assert said.usage.prompt + said.usage.completion == model.billed.tokens


SECRET = "sk-secret-0123456789abcdefghijklmnop"


def test_the_key_is_in_no_journal_and_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The endpoint repeats it wherever it can; the question holds it too."""
    path = tmp_path / "journal"
    replies = [
        {"reason": f"your key is {SECRET}", "use": True},
        Refuses(f"not with {SECRET}"),
        f"no JSON but {SECRET}",
        f"again {SECRET}",
        Status(400, f"bad: Bearer {SECRET}", body=None),
    ]
    caplog.set_level("DEBUG")
    with ScriptedModel(lambda asked: replies[min(asked.number, 4)], key=SECRET) as model:
        with endpoint(model) as line, file_journal(path) as journal:
            desk = make_desk(line, journal)
            first = desk.ask(question(f"Is {SECRET} safe?"))
            others = [desk.ask(each) for each in QUESTIONS[:3]]
            assert isinstance(first, Answer)
            assert (first.value.reason, first.tokens) == ("your key is [redacted]", ())
            kinds = [failed.kind for failed in others if isinstance(failed, Failed)]
            assert kinds == [Misbehaviour.REFUSED, Misbehaviour.INVALID_JSON, Misbehaviour.BAD_REQUEST]
            spend = desk.spend
        assert SECRET in model.requests[0].user
    assert SECRET.encode() not in path.read_bytes()
    assert SECRET not in repr((first, others, desk.remarks)) + caplog.text
    replayed = make_desk(None, ReplayJournal(path))
    assert replayed.ask(question(f"Is {SECRET} safe?")) == first
    assert [replayed.ask(each) for each in QUESTIONS[:3]] == others
    assert replayed.spend == spend


def test_what_only_looks_like_a_secret_stays_in_an_answer() -> None:
    """It may be the repository's code: a patch with holes in it helps nobody."""
    text = "assert masked('ghp_0123456789abcdefghijklmnopqrstuvwxyz') == 'sk-aaaaaaaaaaaaaaaaaaaaaaaa'"
    with ScriptedModel([{"reason": text, "use": True}]) as model, endpoint(model) as line:
        answer = make_desk(line).ask(question())
        assert isinstance(answer, Answer)
        assert answer.value.reason == text


def test_the_stable_part_of_a_prompt_is_cached() -> None:
    with ScriptedModel(play, cache_from=1024) as model, endpoint(model) as line:
        desk = make_desk(line)
        for turn in ("One?", "Two?"):
            ask = question(turn)
            desk.ask(replace(ask, prompt=replace(ask.prompt, stable="The repository. " * 500)))
        assert desk.spend.cached_tokens == model.billed.cached_tokens > 1900


def test_an_exception_in_the_line_is_no_answer() -> None:
    """A bug stays a bug, and what was announced stays owed."""

    class Broken:
        def exchange(self, call: Call, seconds: float, stopped: Callable[[], bool]) -> Exchange:  # noqa: ARG002
            raise ZeroDivisionError

        def learn(self, *_: object) -> None:
            raise AssertionError

        def redact(self, text: str) -> str:
            return text

    journal = MemoryJournal()
    desk = make_desk(Broken(), journal)
    with pytest.raises(ZeroDivisionError):
        desk.ask(question())
    with ScriptedModel(play) as model, endpoint(model) as line:
        resumed = make_desk(line, journal)
        assert isinstance(resumed.ask(question()), Answer)
        assert resumed.spend.model_calls == 2
        assert resumed.spend.tokens > model.billed.tokens
