"""Issue 3, "must be shown" no. 5: a run killed at every model call pays for none of them twice.

The worker is a process that is killed with SIGKILL; the endpoint is a real HTTP server that keeps its own
count. Sandboxes are pure functions here: what is killed at sandbox runs is shown in tests/workflow.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.llm.pricing import dollars
from tests.acceptance.support import ROOT, plain_environment
from tests.model_driven.shop import FILES, Programmer
from tests.scripted_model.server import Asked, ScriptedModel

pytestmark = pytest.mark.slow


@dataclass(kw_only=True)
class Run:
    """A run over as many processes as it takes."""

    place: Path
    model: ScriptedModel
    processes: int = 0
    ended: dict[str, Any] = field(default_factory=dict)
    started: Callable[[int], None] = lambda _pid: None

    def go(self, *, die_after: int = 0) -> Run:
        """Start the worker again and again until it ends by itself."""
        while not self.ended:
            assert self.processes < 200, "it does not come to an end"
            self._once(die_after)
        return self

    def _once(self, die_after: int) -> None:
        order = {
            "url": self.model.base_url,
            "key": self.model.key,
            "model": self.model.name,
            "tree": str(self.place / "tree"),
            "journal": str(self.place / "journal.jsonl"),
            "die_after": die_after,
            "answer": "",
        }
        self.processes += 1
        with subprocess.Popen(
            (sys.executable, "-m", "tests.model_driven.worker", json.dumps(order)),
            cwd=ROOT,
            env=plain_environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            self.started(worker.pid)
            out, _ = worker.communicate(timeout=120)
        assert worker.returncode in (0, -signal.SIGKILL)
        if worker.returncode == 0:
            self.ended = json.loads(out)

    @property
    def prompts(self) -> list[str]:
        return [json.dumps(asked.body, sort_keys=True) for asked in self.model.requests]


def place(root: Path) -> Path:
    for path, content in FILES.items():
        file = root / "tree" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(content))
    return root


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with ScriptedModel(Programmer(), ignores=("logprobs",)) as model:
        run = Run(place=place(tmp_path_factory.mktemp("undisturbed")), model=model).go()
    assert run.ended["outcome"]["stop"] == "solved"
    assert len(set(run.prompts)) == len(run.prompts) == run.ended["spend"]["model_calls"] > 20
    return run


def test_killed_after_every_answer_the_server_sees_every_prompt_once(
    tmp_path: Path, undisturbed: Run
) -> None:
    with ScriptedModel(Programmer(), ignores=("logprobs",)) as model:
        run = Run(place=place(tmp_path), model=model).go(die_after=1)
    assert run.processes == len(undisturbed.prompts) + 1
    assert sorted(run.prompts) == sorted(undisturbed.prompts)
    assert run.ended["outcome"]["patch"] == undisturbed.ended["outcome"]["patch"]
    spend = run.ended["spend"]
    assert spend["model_calls"] == model.billed.calls
    assert spend["tokens"] == model.billed.prompt_tokens + model.billed.completion_tokens


def test_killed_in_the_middle_of_calls_every_prompt_is_billed_once(tmp_path: Path, undisturbed: Run) -> None:
    """The answer was on its way: the prompt has to be sent again, with the same Idempotency-Key. What is not
    known to have been answered is booked at its worst case, so that the cap holds whoever bills twice."""
    programmer, worker, kills = Programmer(), [0], {2, 12, 22}

    def killing(asked: Asked) -> Any:
        if asked.number in kills:
            os.kill(worker[0], signal.SIGKILL)
        return programmer(asked)

    with ScriptedModel(killing, ignores=("logprobs",)) as model:
        run = Run(place=place(tmp_path), model=model)
        run.started = lambda pid: worker.__setitem__(0, pid)
        run.go()
    assert run.processes == len(kills) + 1
    assert sorted(set(run.prompts)) == sorted(undisturbed.prompts)
    assert len(run.prompts) == len(undisturbed.prompts) + len(kills)
    assert model.billed.calls == len(undisturbed.prompts)
    assert run.ended["outcome"]["patch"] == undisturbed.ended["outcome"]["patch"]
    spend = run.ended["spend"]
    assert spend["tokens"] > model.billed.prompt_tokens + model.billed.completion_tokens
    assert spend.get("money", 0.0) >= dollars(model.billed.money)
