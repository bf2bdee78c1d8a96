"""Two runs that ask the same are two runs to the endpoint; a run that was killed is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from agent.journal import MemoryJournal
from agent.llm.exchange import Call, Exchange, Form, Line
from agent.llm.own_line import own_line
from agent.protocols import JsonObject


class Listening:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def exchange(self, call: Call, _seconds: float, _stopped: Callable[[], bool]) -> Exchange:
        self.keys.append(call.key)
        return cast(Exchange, None)


def asked(journal: MemoryJournal) -> str:
    line = Listening()
    own = own_line(cast(Line, line), journal)
    assert own is not None
    call = Call(model="m", system="", user="", form=cast(Form, None), temperature=0.0, max_tokens=1, key="k")
    own.exchange(call, 1.0, lambda: False)
    return line.keys[0]


def test_a_run_has_keys_of_its_own_and_keeps_them() -> None:
    first, second = MemoryJournal(), MemoryJournal()
    assert asked(first) == asked(first)
    assert asked(first) != asked(second)
    assert asked(first) != "k"


def test_a_replay_has_no_line_and_leaves_nothing() -> None:
    def refuse(_kind: str, _request: JsonObject, _perform: Callable[[], JsonObject]) -> JsonObject:
        raise AssertionError("a replay asks for nothing that was not recorded")

    journal = MemoryJournal()
    journal.effect = refuse  # type: ignore[method-assign]
    assert own_line(None, journal) is None
