"""The commands of a finished run once more, with nothing of ours around them: the lower bound for that run.

A journal holds each command, but of the files only a digest. So the engine is run again over the journal, as
a replay is, with a sandbox that executes nothing and listens: it learns every command with its files. Those
commands are then executed back to back, by plain ``subprocess`` with the interpreter of the same
environment, in *one* bubblewrap sandbox that is open already. There is no sandbox to open, no fresh copy of
the tree between two commands (only the changed files are put in place, outside the measured time), no
journal and no search. Byte code that one command compiled stays for the next.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.codec import decode
from agent.journal import ReplayJournal, key_of
from agent.protocols import JsonObject, Progress
from agent.run import Services, repair, silent
from agent.types import Task
from agent.workbench import Detected, Prepared, RepositoryWorkbench, Workbench
from sandbox import EMPTY, Command, Completed, Limits, Overlay, Sandbox, SandboxSpec
from sandbox.environments import Environment

PLACE = ".bare"
INSIDE = """
import base64, json, os, shutil, subprocess, time
shutil.move(".bare", "/tmp/bare")
with open("/tmp/bare/runs.json") as file:
    given = json.load(file)
blobs = {name: base64.b64decode(text) for name, text in given["blobs"].items()}
measured = []
for number, run in enumerate(given["runs"], start=1):
    before = {}
    for path, blob in run["overlay"]:
        before[path] = open(path, "rb").read() if os.path.isfile(path) else None
        if blob is None:
            if os.path.lexists(path):
                os.unlink(path)
            continue
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(blobs[blob])
        os.utime(path, (10**9 + number, 10**9 + number))  # or byte code of another content would be taken
    began = time.perf_counter()
    try:
        status = subprocess.run(
            run["argv"], env={**os.environ, **dict(run["env"])}, input=blobs[run["stdin"]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=run["seconds"],
        ).returncode
    except subprocess.TimeoutExpired:
        status = None
    measured.append((status, time.perf_counter() - began))
    for path, content in before.items():
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
            os.utime(path, (10**9, 10**9))
        elif os.path.lexists(path):
            os.unlink(path)
os.mkdir(".bare")
with open(".bare/measured.json", "w") as file:
    json.dump(measured, file)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardRun:
    """One command of a finished run. ``engine_seconds`` is what the journal says that it took then."""

    label: str
    command: Command
    overlay: Overlay
    engine_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a run did in its sandboxes, in the order of its journal's keys being asked for first."""

    runs: tuple[HeardRun, ...]
    environment: Environment


def listen(journal: Path, tree: Path, services: Services, workbench: Workbench | None = None) -> Heard:
    """Replay a finished run and note its commands. ``workbench``: the one that the run had, if it was not the
    usual one. Raises agent.errors.JournalDiverged when the program has changed since."""
    replayed = ReplayJournal(journal)
    listener = _Listener(replayed)
    task = decode(Task, replayed.header.task)
    bench = _Bench(
        workbench
        or RepositoryWorkbench(
            tree,
            services.sandboxes,
            services.cache,
            limits=services.limits,
            test_command=task.test_command,
            repository=task.repository,  # the key of the environment that the run has built
        ),
        listener,
    )
    repair(task, tree, services, listener, workbench=bench)
    environment = bench.prepare(silent)
    assert isinstance(environment, Environment), "a run that measured something had an environment"
    return Heard(runs=tuple(listener.heard), environment=environment)


def measure_bare(heard: Heard, tree: Path, services: Services) -> tuple[float, ...]:
    """Seconds of each command, bare, in order."""
    patience = 120 + 3 * sum(run.engine_seconds for run in heard.runs)
    spec = SandboxSpec(
        tree=tree,
        environment=heard.environment.directory,
        limits=Limits(seconds=patience, disk_mib=2048),
        label="bare",
    )
    command = Command(
        argv=(services.sandboxes.python, f"{PLACE}/inside.py"), collect=(f"{PLACE}/measured.json",)
    )
    overlay = {f"{PLACE}/inside.py": INSIDE.encode(), f"{PLACE}/runs.json": _orders(heard.runs)}
    with services.sandboxes.open(spec) as sandbox:
        done = sandbox.run(command, overlay)
    if not done.ok:
        raise RuntimeError(f"the bare runs did not end well: {done.stderr.decode(errors='replace')[-2000:]}")
    measured = json.loads(done.collected[f"{PLACE}/measured.json"])
    return tuple(float(took) for _status, took in measured)


def _orders(runs: tuple[HeardRun, ...]) -> bytes:
    blobs: dict[str, str] = {}

    def blob(content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        blobs[name] = base64.b64encode(content).decode()
        return name

    orders = [
        {
            "argv": run.command.argv,
            "env": run.command.env,
            "stdin": blob(run.command.stdin),
            "seconds": 600.0 if run.command.limits is None else run.command.limits.seconds,
            "overlay": [(path, None if data is None else blob(data)) for path, data in run.overlay.items()],
        }
        for run in runs
    ]
    return json.dumps({"blobs": blobs, "runs": orders}).encode()


class _Listener:
    """The journal of a replay. A run is asked for once more, so that the sandbox below hears of it; the
    answer is the recorded one all the same."""

    def __init__(self, recorded: ReplayJournal) -> None:
        self._recorded = recorded
        self._known: set[str] = set()
        self._guard = threading.Lock()
        self.here = threading.local()
        self.heard: list[HeardRun] = []

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        answer = self._recorded.effect(kind, request, perform)
        if kind == "run" and "completed" in answer and self._is_new(key_of(kind, request)):
            perform()
            command, overlay = self.here.asked
            done = decode(Completed, answer["completed"])
            self.heard.append(
                HeardRun(
                    label=str(answer.get("for", "")),
                    command=command,
                    overlay=overlay,
                    engine_seconds=done.seconds,
                )
            )
        return answer

    def note(self, kind: str, body: JsonObject) -> None:
        self._recorded.note(kind, body)

    @property
    def resumed(self) -> bool:
        return self._recorded.resumed

    def _is_new(self, key: str) -> bool:
        with self._guard:
            new = key not in self._known
            self._known.add(key)
            return new


class _Ear:
    """A sandbox that executes nothing."""

    def __init__(self, listener: _Listener) -> None:
        self._listener = listener

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:
        self._listener.here.asked = (command, overlay)
        return Completed(exit_status=0, stopped_by=None, stdout=b"", stderr=b"", seconds=0.0)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Bench:
    """A workbench whose sandboxes execute nothing."""

    def __init__(self, real: Workbench, listener: _Listener) -> None:
        self._real = real
        self._listener = listener

    def prepare(self, progress: Progress) -> Prepared:
        return self._real.prepare(progress)

    def suite(self, environment: Environment) -> Detected:
        return self._real.suite(environment)

    def open(self, environment: Environment) -> AbstractContextManager[Sandbox]:  # noqa: ARG002
        return _Ear(self._listener)
