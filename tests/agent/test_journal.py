"""The journal: each effect once, whatever is killed when."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import JournalBusy, JournalCorrupt, JournalDiverged
from agent.journal import FileJournal, MemoryJournal, ReplayJournal, read_journal
from agent.protocols import Journal, JsonObject

TASK: JsonObject = {"title": "a task"}


def file_journal(path: Path) -> FileJournal:
    return FileJournal(path, run="run-1", task=TASK)


def answer(value: int) -> JsonObject:
    return {"value": value}


def test_an_effect_is_performed_once_and_survives_reopening(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    performed: list[int] = []

    def perform() -> JsonObject:
        performed.append(1)
        return {"value": 7, "pair": [1, 2]}

    for _ in range(3):
        with file_journal(path) as journal:
            assert journal.effect("run", {"n": 1}, perform) == {"value": 7, "pair": [1, 2]}
            assert journal.effect("run", {"n": 1}, perform) == {"value": 7, "pair": [1, 2]}
    assert performed == [1]


def test_kind_and_request_make_the_key() -> None:
    journal = MemoryJournal()
    assert journal.effect("a", {"n": 1}, lambda: answer(1)) == answer(1)
    assert journal.effect("b", {"n": 1}, lambda: answer(2)) == answer(2)
    assert journal.effect("a", {"n": 2}, lambda: answer(3)) == answer(3)
    assert journal.effect("a", {"n": 1}, lambda: answer(4)) == answer(1)


def test_the_first_run_sees_what_a_resumed_one_will() -> None:
    given_back = MemoryJournal().effect("a", {}, lambda: {"items": (1, 2)})
    assert given_back == {"items": [1, 2]}


def test_concurrent_callers_of_one_effect_perform_it_once() -> None:
    journal, performed, gate = MemoryJournal(), [], threading.Barrier(8)

    def call(_: int) -> JsonObject:
        gate.wait()
        return journal.effect("run", {"same": True}, lambda: performed.append(1) or answer(len(performed)))

    with ThreadPoolExecutor(8) as pool:
        assert set(map(json.dumps, pool.map(call, range(8)))) == {'{"value": 1}'}
    assert performed == [1]


def test_an_effect_that_raises_is_not_recorded(tmp_path: Path) -> None:
    def fail() -> JsonObject:
        raise RuntimeError("down")

    with file_journal(tmp_path / "j") as journal:
        with pytest.raises(RuntimeError):
            journal.effect("run", {}, fail)
        assert journal.effect("run", {}, lambda: answer(1)) == answer(1)


def test_notes_are_compared_when_resumed(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with file_journal(path) as journal:
        journal.note("visit", {"node": 0})
        journal.note("visit", {"node": 1})
    with file_journal(path) as journal:
        journal.note("visit", {"node": 0})
        with pytest.raises(JournalDiverged, match="note 2"):
            journal.note("visit", {"node": 2})


def test_any_text_survives(tmp_path: Path) -> None:
    text = "line\nend\u2028 \udc80 lone surrogate \x00 ☃"
    with file_journal(tmp_path / "j") as journal:
        journal.effect("run", {"text": text}, lambda: {"text": text})
    with file_journal(tmp_path / "j") as journal:
        assert journal.effect("run", {"text": text}, lambda: answer(0)) == {"text": text}


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        MemoryJournal().note("score", {"score": float("nan")})


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with file_journal(tmp_path / "j"), pytest.raises(JournalBusy, match="in use"):
        file_journal(tmp_path / "j")
    file_journal(tmp_path / "j").close()


def test_a_journal_belongs_to_one_task(tmp_path: Path) -> None:
    file_journal(tmp_path / "j").close()
    with pytest.raises(JournalDiverged, match="another task"):
        FileJournal(tmp_path / "j", run="run-2", task={"title": "another"})


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda lines: [lines[0], b"{}", *lines[2:]], 2),
        (lambda lines: [lines[0], lines[1].replace(b'"value":0', b'"value":9'), *lines[2:]], 2),
        (lambda lines: [b'{"journal":1}', *lines[1:]], 1),
        (lambda lines: [lines[0], lines[1][:-4], *lines[2:]], 2),
        (lambda lines: [lines[0], b"\x00\xff", *lines[2:]], 2),
    ],
)
def test_damage_before_the_end_is_reported_with_its_line(tmp_path: Path, damage, line: int) -> None:
    path = tmp_path / "j"
    with file_journal(path) as journal:
        for n in range(3):
            journal.effect("run", {"n": n}, lambda n=n: answer(n))
    path.write_bytes(b"\n".join(damage(path.read_bytes().split(b"\n"))))
    with pytest.raises(JournalCorrupt, match=f"line {line}:"):
        file_journal(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with file_journal(path):
        pass
    import zlib

    body = b'{"journal":2,"run":"r","task":{}}'
    path.write_bytes(body[:-1] + b',"sum":"%08x"}\n' % zlib.crc32(body))
    with pytest.raises(JournalCorrupt, match="format 2"):
        file_journal(path)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for the disk: the write fails half-way, and the journal can go on."""
    import resource
    import signal

    path = tmp_path / "j"
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with file_journal(path) as journal:
            journal.effect("run", {"n": 1}, lambda: answer(1))
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, hard))
            with pytest.raises(OSError, match="too large"):
                journal.effect("run", {"n": 2}, lambda: answer(2))
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            journal.effect("run", {"n": 3}, lambda: answer(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    requests = [record["request"] for record in read_journal(path).records]
    assert requests == [{"n": 1}, {"n": 3}]


def test_a_replay_performs_nothing(tmp_path: Path) -> None:
    with file_journal(tmp_path / "j") as journal:
        journal.effect("run", {"n": 1}, lambda: answer(1))
        journal.note("end", {})
    replay = ReplayJournal(tmp_path / "j")
    assert replay.effect("run", {"n": 1}, lambda: answer(5)) == answer(1)
    assert replay.resumed
    replay.note("end", {})
    assert not replay.resumed
    with pytest.raises(JournalDiverged, match="no answer"):
        replay.effect("run", {"n": 2}, lambda: answer(2))
    with pytest.raises(JournalDiverged, match="ends before"):
        replay.note("more", {})


# --- A small deterministic program, killed everywhere -------------------------------------------------------


def program(journal: Journal, performed: list[int]) -> list[int]:
    """Each effect decides what is asked next: a run in miniature."""
    state, trace = 1, []
    for n in range(6):

        def perform(state: int = state, n: int = n) -> JsonObject:
            performed.append(n)
            return {"value": state * 31 % 17, "note": "text " * n}

        value = journal.effect("run", {"n": n, "state": state}, perform)["value"]
        assert isinstance(value, int)
        state = value
        journal.note("step", {"n": n, "state": state})
        trace.append(state)
    return trace


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1))
def test_any_truncation_resumes_to_the_same_end(tmp_path_factory: pytest.TempPathFactory, cut: float) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    with file_journal(path) as journal:
        whole = program(journal, [])
    complete = path.read_bytes()
    path.write_bytes(complete[: round(cut * len(complete))])
    kept = sum(1 for record in read_journal(path).records if "effect" in record)
    performed: list[int] = []
    with file_journal(path) as journal:
        assert program(journal, performed) == whole
    assert path.read_bytes() == complete
    assert performed == list(range(kept, 6))


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(6))
def test_killed_at_every_effect_nothing_is_performed_twice(tmp_path: Path, at: int, when: str) -> None:
    path, performed = tmp_path / "j", []

    class Dying(FileJournal):
        def effect(self, kind, request, perform):
            if request["n"] == at and when == "before":
                raise Killed
            given_back = super().effect(kind, request, perform)
            if request["n"] == at and when == "after":
                raise Killed
            return given_back

    with pytest.raises(Killed), Dying(path, run="run-1", task=TASK) as journal:
        program(journal, performed)
    with file_journal(path) as journal:
        assert program(journal, performed) == program(MemoryJournal(), [])
    assert performed == list(range(6))
