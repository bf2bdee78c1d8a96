"""SIGKILL in the middle of every model call; a worker that is told to go away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.journal import MemoryJournal, ReplayJournal
from agent.llm.types import Answer
from bot.queue import Halt, Interrupted
from bot.run import EngineJournal
from tests.llm.desks import GOOD, endpoint, make_desk, question
from tests.llm.worker import QUESTIONS
from tests.scripted_model.server import Asked, ScriptedModel

ROOT = Path(__file__).resolve().parents[2]


def test_killed_at_every_call_each_prompt_is_answered_and_paid_once(tmp_path: Path) -> None:
    journal, running, deaths = tmp_path / "journal", [], []

    def deadly(asked: Asked) -> Any:
        """Called once per prompt: an answer that was made is kept under its key."""
        deaths.append(asked.key)
        os.kill(running[-1].pid, signal.SIGKILL)
        return GOOD

    with ScriptedModel(deadly) as model:
        command = (sys.executable, "-m", "tests.llm.worker", model.base_url, model.key, str(journal))
        status, printed = -signal.SIGKILL, b""
        while status == -signal.SIGKILL:
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT))
            printed, _ = running[-1].communicate(timeout=120)
            status = running[-1].returncode
        assert (status, len(deaths), len(running)) == (0, 3, 4)
        prompts = [asked.prompt for asked in model.answered]
        assert (len(prompts), len(set(prompts)), model.billed.calls) == (3, 3, 3)
        kinds, calls, tokens = json.loads(printed)
        assert kinds == ["Answer"] * 3
        assert calls == 6  # three answers, and three calls that were cut short: booked at their worst case
        assert tokens > model.billed.tokens
    replayed = make_desk(None, ReplayJournal(journal))
    assert all(isinstance(replayed.ask(each), Answer) for each in QUESTIONS)
    assert replayed.spend.tokens == tokens


def test_an_answer_that_has_come_outlives_the_worker() -> None:
    """It is paid for; whatever else is under way is done anew."""
    journal = MemoryJournal()
    halts: list[Halt | None] = [None]

    def play(_asked: Asked) -> Any:
        halts.append(Halt.INTERRUPTED)
        return GOOD

    with ScriptedModel(play) as model, endpoint(model) as line:
        first = make_desk(line, EngineJournal(journal, lambda: halts[-1], live=True))
        assert isinstance(first.ask(question()), Answer)
        with pytest.raises(Interrupted):
            first.ask(question("And now?"))
        resumed = make_desk(line, EngineJournal(journal, lambda: None, live=False))
        assert isinstance(resumed.ask(question()), Answer)
        assert (model.billed.calls, resumed.spend.tokens) == (1, model.billed.tokens)
