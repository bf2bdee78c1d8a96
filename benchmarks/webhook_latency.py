"""How soon a delivery is acknowledged, at a steady rate, against a server that answers a constant.

The receiver runs in a process of its own (``benchmarks.webhook_server``): uvicorn, signature, parsing,
trigger, durable queue. Deliveries of one real size are sent over the loopback, each over a new connection, as
GitHub does it, at a fixed rate that does not wait for answers (an open loop). A latency counts from the
moment at which the delivery *should* have been sent, so a server that falls behind cannot hide it.

* *constant*: the same process reads the same signed body and always answers 202. The baseline.
* *ignored*: deliveries with another label: verified, parsed, decided, answered with 200.
* *wanted*: each of a different issue: on disk, in the database's own durable way, before the 202.

For each database in turn: a new process, then constant, ignored, wanted; then the next; all of it again. In
the rows "worker idle" jobs are no-ops. In "worker busy" two jobs repair the demo's repository all the time,
in the same process and on the same cores.

PostgreSQL is left out, and said so, where its server programs are missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import throwaway_postgres
from benchmarks.support import Grid, Machine, Spread, console, parser, publish, seconds
from bot.deliveries.webhook import sign
from tests.acceptance.support import free_port, plain_environment
from tests.double.server import GitHubDouble

NAME = "webhook_latency"
ROOT = Path(__file__).resolve().parent.parent
SECRET = "no secret at all, but long enough"
KINDS = ("constant", "ignored", "wanted")
WORKERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """``database`` is "SQLite" or "PostgreSQL"."""

    database: str
    busy: bool

    @property
    def title(self) -> str:
        return f"{self.database}, worker {'busy' if self.busy else 'idle'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """The deliveries of one kind in one process."""

    setup: str
    kind: str
    latencies: tuple[float, ...]
    statuses: dict[str, int]


def main(words: Sequence[str] | None = None) -> int:
    chosen = _options(words)
    machine = Machine.here()
    place = Path(tempfile.mkdtemp(prefix="codeagent-bench-"))
    place.chmod(0o755)  # sandboxes run under another user id
    try:
        bursts = measure_all(chosen, place)
    finally:
        shutil.rmtree(place)
    publish(chosen.out, NAME, machine, [grid(bursts, chosen.rate)], [asdict(burst) for burst in bursts])
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    options = parser(NAME, __doc__, repetitions=3)
    options.add_argument(
        "--rate", type=float, default=100.0, help="deliveries a second; default: %(default)s"
    )
    options.add_argument("--seconds", type=float, default=5.0, help="of each kind; default: %(default)s")
    options.add_argument("--no-busy", dest="busy", action="store_false", help="leave the busy worker out")
    options.add_argument("--no-postgres", dest="postgres", action="store_false", help="measure SQLite only")
    return options.parse_args(words)


def measure_all(chosen: argparse.Namespace, place: Path) -> list[Burst]:
    payload = _payload(place / "github")
    count = max(1, round(chosen.rate * chosen.seconds))
    bursts: list[Burst] = []
    with ExitStack() as stack:
        create = None
        programs = throwaway_postgres.programs() if chosen.postgres else None
        if programs is not None:
            create = stack.enter_context(throwaway_postgres.cluster(programs))
        elif chosen.postgres:
            console.print("[yellow]PostgreSQL is left out[/]: there are no server programs on this machine")
        setups = [
            Setup(database=database, busy=busy)
            for busy in ((False, True) if chosen.busy else (False,))
            for database in (("SQLite", "PostgreSQL") if create else ("SQLite",))
        ]
        for number in range(chosen.repetitions):
            for setup in setups:
                console.print(f"repetition {number + 1} of {chosen.repetitions}: {setup.title}")
                url = create(f"bench_{uuid.uuid4().hex}") if create and setup.database != "SQLite" else ""
                with running(setup, url, place) as port:
                    if setup.busy:
                        _make_busy(port, payload)
                    for kind in KINDS:
                        bursts.append(_burst(setup, kind, port, payload, count, chosen.rate))
    return bursts


# --- The process --------------------------------------------------------------------------------------------


@contextmanager
def running(setup: Setup, database: str, place: Path) -> Iterator[int]:
    """A new server; gives its port."""
    port = free_port()
    data = Path(tempfile.mkdtemp(prefix="data-", dir=place))
    data.chmod(0o755)
    words = ["--port", str(port), "--data", str(data), "--cache", str(place / "environments")]
    words += ["--secret", SECRET, "--work", "engine" if setup.busy else "none"]
    words += ["--database", database] if database else []
    log = data / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            (sys.executable, "-m", "benchmarks.webhook_server", *words),
            cwd=ROOT,
            env=plain_environment(),
            stdout=sink,
            stderr=sink,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/healthz", lambda _answer: True, process, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, enough: Any, process: subprocess.Popen[bytes] | None, log: Path | None) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{log.read_text()[-3000:] if log else ''}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if enough(answer.read()):
                    return
        except (urllib.error.URLError, OSError):
            pass  # not listening yet
        time.sleep(0.1)
    raise RuntimeError(f"waited in vain for {url}")


def _make_busy(port: int, payload: dict[str, Any]) -> None:
    """Two jobs, and both are running tests when this returns."""
    requests = [raw_request("wanted", payload, 900_000 + number) for number in range(WORKERS)]
    asyncio.run(send("127.0.0.1", port, requests, rate=10.0))
    _wait(f"http://127.0.0.1:{port}/busy", lambda answer: json.loads(answer) >= WORKERS, None, None)


# --- The load -----------------------------------------------------------------------------------------------


def _payload(place: Path) -> dict[str, Any]:
    """A complete ``issues.labeled`` delivery."""
    with GitHubDouble(place) as github:
        github.create_repository("acme/pager", files={"README": "x\n"}, roles={"alice": "maintain"})
        github.install_app(["acme/pager"])
        body = "It says\n\n>>> clamp_page(-3, 10)\n-3\n\nand I expect 1.\n" * 20
        number = github.create_issue("acme/pager", "Pages that do not exist", body, author="alice")
        return dict(github.issues_payload("acme/pager", number, "labeled", "alice", "codeagent"))


def raw_request(kind: str, payload: dict[str, Any], number: int) -> bytes:
    """One signed delivery of its own issue, as bytes."""
    label = "codeagent" if kind == "wanted" else "something else"
    issue = {**payload["issue"], "number": number}
    content = json.dumps({**payload, "issue": issue, "label": {**payload["label"], "name": label}}).encode()
    head = (
        f"POST /{'constant' if kind == 'constant' else 'webhook'} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "X-GitHub-Event: issues",
        f"X-GitHub-Delivery: {uuid.uuid4()}",
        f"X-Hub-Signature-256: {sign(SECRET.encode(), content)}",
    )
    return "\r\n".join((*head, "", "")).encode() + content


def _burst(setup: Setup, kind: str, port: int, payload: dict[str, Any], count: int, rate: float) -> Burst:
    requests = [raw_request(kind, payload, number) for number in range(1, count + 1)]
    answers = asyncio.run(send("127.0.0.1", port, requests, rate))
    statuses: dict[str, int] = {}
    for status, _latency in answers:
        statuses[status] = statuses.get(status, 0) + 1
    return Burst(
        setup=setup.title,
        kind=kind,
        latencies=tuple(round(latency, 6) for _status, latency in answers),
        statuses=statuses,
    )


async def send(host: str, port: int, requests: Sequence[bytes], rate: float) -> list[tuple[str, float]]:
    """(status, seconds since it was due) of each request."""
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.2

    async def one(number: int, request: bytes) -> tuple[str, float]:
        due = began + number / rate
        await asyncio.sleep(due - loop.time())
        try:
            async with asyncio.timeout(60):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(request)
                answer = await reader.read()
                writer.close()
        except (OSError, TimeoutError) as error:
            return type(error).__name__, loop.time() - due
        return answer.split(b" ", 2)[1].decode() if answer else "nothing", loop.time() - due

    return await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))


# --- The numbers --------------------------------------------------------------------------------------------


def grid(bursts: Sequence[Burst], rate: float) -> Grid:
    return Grid(
        title=f"Acknowledging a delivery at {rate:g} deliveries a second",
        columns=("receiver", "p50", "p99", "max", "p50 to constant", "p99 to constant", "answers"),
        rows=tuple(
            _row(setup, kind, bursts)
            for setup in dict.fromkeys(burst.setup for burst in bursts)
            for kind in KINDS
        ),
        note="Median over the repetitions (lowest to highest); max is that of all. Ratios are of medians.",
    )


def _row(setup: str, kind: str, bursts: Sequence[Burst]) -> tuple[str, ...]:
    mine = [burst for burst in bursts if (burst.setup, burst.kind) == (setup, kind)]
    base = [burst for burst in bursts if (burst.setup, burst.kind) == (setup, "constant")]
    answers: dict[str, int] = {}
    for burst in mine:
        for status, count in burst.statuses.items():
            answers[status] = answers.get(status, 0) + count
    p50, p99 = (_percentiles(mine, percent) for percent in (50, 99))
    base50, base99 = (_percentiles(base, percent) for percent in (50, 99))
    return (
        f"{setup}: {kind}",
        str(p50),
        str(p99),
        seconds(max(max(burst.latencies) for burst in mine)),
        f"{p50.median / base50.median:.2f}×",
        f"{p99.median / base99.median:.2f}×",
        ", ".join(f"{count} × {status}" for status, count in sorted(answers.items())),
    )


def _percentiles(bursts: Sequence[Burst], percent: int) -> Spread:
    return Spread.of([_percentile(burst.latencies, percent) for burst in bursts])


def _percentile(latencies: Sequence[float], percent: int) -> float:
    if len(latencies) < 2:
        return latencies[0]
    return statistics.quantiles(latencies, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    sys.exit(main())
