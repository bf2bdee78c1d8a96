"""From the label to the pull request, against the bare time of the tests that had to run.

The service runs as an operator runs it (``python -m bot serve``, SQLite, bubblewrap) against the GitHub
double of the tests. An issue is labelled; the time runs from the sending of the ``issues.labeled`` delivery
until the request that opens the pull request has reached the double. Each repetition starts with an empty
data directory and labels two issues, one after the other: for the first the environment has to be built
(*cold*), for the second it is in the cache (*warm*).

What it is compared with, measured after each run in the same repetition:

* *bare, all*: every command that the run executed in a sandbox (see its journal), once more, back to back in
  one core, by plain ``subprocess`` with the interpreter of the same environment in one bubblewrap sandbox
  that is already open. No sandbox to open, no copy of the tree, no preloaded interpreter, no search. It says
  what is lost (or won, by forking a warm interpreter and by two workers) around the same test runs.
* *bare, proof*: of these only the suite on base, twice, and what proves the patch: the new tests on base and
  with it, the whole suite with it. No tool that gives this proof can do with less, even if it guessed the
  patch at once. It is the lower bound.

Both leave the building of the environment out, so *cold* shows how dear that is.

The time is cut into phases by watching the run's two journals grow: what passed until a record appeared
belongs to the phase of the record. *GitHub* counts requests that change something there; the program keeps
a second between them, as GitHub asks.

Other repositories: --repository PATH (a git repository; its HEAD is used) with --issue FILE (first line:
title). Nothing but the package registries is reached. Run it from the top of the repository.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.bare_runs import HeardRun, listen, measure_bare
from benchmarks.support import Grid, Machine, Spread, console, parser, publish, seconds
from bot import engine
from bot.git.checkout import Checkouts
from bot.settings import SandboxChoice, Settings
from bot.workflow import JOURNAL, STEPS
from tests.acceptance.support import Service, running_service
from tests.double.server import GitHubDouble

NAME = "label_to_pull_request"
DEMO = Path(__file__).resolve().parent.parent / "tests" / "demo"
PATIENCE = 1800.0
PHASES = (
    "delivery",
    "queue",
    "first words",
    "clone",
    "environment",
    "baseline",
    "reproduction",
    "search",
    "proof",
    "publishing",
)
PROOF = ("baseline", "proof")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``source`` is a git repository, or a directory whose files become one commit."""

    name: str
    source: Path
    title: str
    body: str

    @classmethod
    def read(cls, source: Path, issue: Path) -> Case:
        title, _, body = issue.read_text(encoding="utf-8").partition("\n")
        name = "demo" if source == DEMO / "repository" else source.resolve().name.removesuffix(".git")
        return cls(name=name, source=source, title=title.lstrip("# ").strip(), body=body.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of one of a run's journals, and when it was seen there."""

    at: float
    file: str
    kind: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One labelled issue. ``bare`` and ``in_sandbox`` are seconds by phase, of the same commands."""

    case: str
    warm: bool
    total: float
    phases: dict[str, float]
    changes: dict[str, int]
    commands: int
    in_sandbox: dict[str, float]
    bare: dict[str, float]

    @property
    def bare_all(self) -> float:
        return sum(self.bare.values())

    @property
    def bare_proof(self) -> float:
        return sum(self.bare.get(phase, 0.0) for phase in PROOF)


def main(words: Sequence[str] | None = None) -> int:
    chosen = _options(words)
    if len(chosen.repository) != len(chosen.issue):
        console.print("[red]Give one --issue FILE for each --repository PATH.[/]")
        return 2
    cases = [Case.read(DEMO / "repository", DEMO / "issue.md")] if chosen.demo else []
    cases += [Case.read(path, issue) for path, issue in zip(chosen.repository, chosen.issue, strict=True)]
    machine = Machine.here()
    results: list[Measured] = []
    for number in range(chosen.repetitions):
        for case in cases:
            console.print(f"repetition {number + 1} of {chosen.repetitions}: {case.name}")
            results += measure(case)
    publish(chosen.out, NAME, machine, grids(results), [asdict(result) for result in results])
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    options = parser(NAME, __doc__, repetitions=3)
    options.add_argument("--repository", type=Path, action="append", default=[], metavar="PATH")
    options.add_argument("--issue", type=Path, action="append", default=[], metavar="FILE")
    options.add_argument("--no-demo", dest="demo", action="store_false", help="leave the demo repository out")
    return options.parse_args(words)


# --- One repetition -----------------------------------------------------------------------------------------


def measure(case: Case) -> list[Measured]:
    """Label two issues of one text, one after the other, in a service that is new."""
    place = Path(tempfile.mkdtemp(prefix="codeagent-bench-"))
    place.chmod(0o755)  # sandboxes run under another user id
    try:
        with GitHubDouble(place / "github") as github:
            full = f"acme/{case.name}"
            settings = {"CODEAGENT_SANDBOX": "bubblewrap", "CODEAGENT_LOG_LEVEL": "info"}
            with running_service(place, github, settings, webhook_secret="a secret of sixteen") as service:
                git = (case.source / ".git").exists() or (case.source / "HEAD").exists()
                github.create_repository(
                    full,
                    source=case.source if git else None,
                    directory=None if git else case.source,
                    default_branch=_branch(case.source) if git else "main",
                    roles={"alice": "maintain"},
                )
                return [_one(case, service, full, place, warm=warm) for warm in (False, True)]
    finally:
        shutil.rmtree(place)


def _branch(source: Path) -> str:
    asked = subprocess.run(
        ("git", "-C", str(source), "symbolic-ref", "--short", "HEAD"),
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


def _one(case: Case, service: Service, full: str, place: Path, *, warm: bool) -> Measured:
    github = service.github
    known = {pull.number for pull in github.pulls(full)}
    number = github.create_issue(full, case.title, case.body, author="alice")
    with watched(service.data / "runs") as records:
        began = time.monotonic()
        delivery = github.label_issue(full, number, "codeagent", actor="alice")
        answered = time.monotonic()
        if delivery.status_code != 202:
            raise RuntimeError(f"the delivery was answered with {delivery.status_code}")
        job = str(json.loads(delivery.response_body)["job"])
        opened = _wait_for_pull(service, full, known, began, job)
    mine = [record for record in records if record.at >= answered]
    phases = by_phase(began, answered, mine, opened)
    changes = Counter(
        request.method + " " + request.path.rpartition("/repos/")[2].split("/", 2)[-1].split("/")[0]
        for request in github.requests
        if began <= request.at <= opened and request.method in ("POST", "PATCH", "PUT", "DELETE")
        if request.path.startswith("/repos/")
    )
    heard, bare = _bare(service, full, job, place / f"bare-{number}")
    console.print(f"  {'warm' if warm else 'cold'}: {seconds(opened - began)}, bare {seconds(sum(bare))}")
    return Measured(
        case=case.name,
        warm=warm,
        total=opened - began,
        phases=phases,
        changes=dict(changes),
        commands=len(heard),
        in_sandbox=_summed(heard, [run.engine_seconds for run in heard]),
        bare=_summed(heard, bare),
    )


def _wait_for_pull(service: Service, full: str, known: set[int], began: float, job: str) -> float:
    """When the request that opened a new pull request came, once the whole job is over."""
    while time.monotonic() < began + PATIENCE:
        if service.state(job) in ("done", "failed"):
            break
        time.sleep(0.2)
    if not {pull.number for pull in service.github.pulls(full)} - known:
        said = service.page(job)
        raise RuntimeError(f"no pull request came of it; the run's page says:\n{said[-3000:]}")
    opening = [r.at for r in service.github.requests_to("POST", r"/pulls$") if r.at >= began]
    return opening[-1]


def _bare(
    service: Service, full: str, job: str, home: Path
) -> tuple[tuple[HeardRun, ...], tuple[float, ...]]:
    home.mkdir()
    home.chmod(0o755)
    settings = Settings(data_dir=service.data)
    services = engine.services(settings, engine.sandboxes(settings, SandboxChoice.BUBBLEWRAP))
    journal = service.run_directory(job) / JOURNAL
    base = json.loads(journal.open(encoding="utf-8").readline())["task"]["base"]
    checkouts = Checkouts()
    checkout = checkouts.open_local(str(service.github.repository(full).git.path), base, home / "git")
    checkouts.export(checkout, home / "tree")
    heard = listen(journal, home / "tree", services)
    return heard.runs, measure_bare(heard, home / "tree", services)


def _summed(runs: Sequence[HeardRun], took: Sequence[float]) -> dict[str, float]:
    sums: Counter[str] = Counter()
    for run, one in zip(runs, took, strict=True):
        sums[phase_of_run(run.label)] += one  # type: ignore[assignment]
    return dict(sums)


# --- Phases -------------------------------------------------------------------------------------------------


@contextmanager
def watched(runs: Path) -> Iterator[list[Record]]:
    """Every record that is added to a journal below ``runs`` meanwhile, with the time."""
    seen: list[Record] = []
    over = threading.Event()
    offsets = {path: path.stat().st_size for path in runs.glob("*/*.jsonl")}

    def look() -> None:
        while not over.wait(0.01):
            for name in (STEPS, JOURNAL):
                for path in runs.glob(f"*/{name}"):
                    seen.extend(_news(path, offsets))

    watcher = threading.Thread(target=look, name="journals")
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _news(path: Path, offsets: dict[Path, int]) -> Iterator[Record]:
    with path.open("rb") as file:
        file.seek(offsets.get(path, 0))
        data = file.read()
    now = time.monotonic()
    whole, end, _torn = data.rpartition(b"\n")
    offsets[path] = offsets.get(path, 0) + len(whole) + len(end)
    for line in whole.split(b"\n") if whole else ():
        record = json.loads(line)
        kind = str(record.get("effect") or record.get("note") or "header")
        label = str(record["answer"].get("for", "")) if "answer" in record else ""
        yield Record(at=now, file=path.name, kind=kind, label=label)


def by_phase(began: float, answered: float, records: Sequence[Record], opened: float) -> dict[str, float]:
    """The time from the delivery to the pull request, without a rest."""
    spent = dict.fromkeys(PHASES, 0.0)
    spent["delivery"] = answered - began
    inner = sorted((r for r in records if r.at < opened), key=lambda record: record.at)
    cuts = [answered, *(record.at for record in inner), opened]
    phases: list[str] = []
    for record in inner:
        phases.append(_phase(record, phases[-1] if phases else "queue"))
    for (before, after), phase in zip(pairwise(cuts), (*phases, "publishing"), strict=True):
        spent[phase] += after - before
    return spent


def _phase(record: Record, before: str) -> str:
    if record.file == STEPS:
        if record.kind == "header":
            return "queue"
        return "publishing" if PHASES.index(before) > PHASES.index("clone") else "first words"
    match record.kind:
        case "header" | "settings" | "source":
            return "clone"
        case "environment" | "suite":
            return "environment"
        case "run":
            return phase_of_run(record.label)
        case "outcome":
            return "proof"
        case _:
            return "search"


def phase_of_run(label: str) -> str:
    if label == "baseline" or label == "reproduction":
        return label
    return "proof" if label.startswith("proof") else "search"


# --- Tables -------------------------------------------------------------------------------------------------


def grids(results: Sequence[Measured]) -> tuple[Grid, ...]:
    groups: dict[tuple[str, bool], list[Measured]] = {}
    for result in results:
        groups.setdefault((result.case, result.warm), []).append(result)
    return _totals(groups), _shares(groups)


Groups = dict[tuple[str, bool], list[Measured]]


def _title(case: str, warm: bool) -> str:
    return f"{case}, environment {'warm' if warm else 'cold'}"


def _totals(groups: Groups) -> Grid:
    return Grid(
        title="From the label to the pull request",
        columns=(
            "repository",
            "label → pull request",
            "bare, all",
            "bare, proof",
            "to bare, all",
            "to the lower bound",
            "commands",
        ),
        rows=tuple(
            (
                _title(*key),
                str(Spread.of([one.total for one in group])),
                str(Spread.of([one.bare_all for one in group])),
                str(Spread.of([one.bare_proof for one in group])),
                _ratios([(one.total, one.bare_all) for one in group]),
                _ratios([(one.total, one.bare_proof) for one in group]),
                str(round(Spread.of([float(one.commands) for one in group]).median)),
            )
            for key, group in groups.items()
        ),
        note="Median (lowest to highest); ratios are of pairs from one repetition.",
    )


def _ratios(pairs: Sequence[tuple[float, float]]) -> str:
    spread = Spread.of([one / other for one, other in pairs])
    return f"{spread.median:.2f}× ({spread.low:.2f} to {spread.high:.2f})"


def _shares(groups: Groups) -> Grid:
    return Grid(
        title="Where the time goes (median; in brackets: the same commands bare)",
        columns=("phase", *(_title(*key) for key in groups)),
        rows=(
            *((phase, *(_cell(phase, group) for group in groups.values())) for phase in PHASES),
            (
                "changes on GitHub, 1 s apart",
                *(
                    str(round(Spread.of([float(sum(one.changes.values())) for one in group]).median))
                    for group in groups.values()
                ),
            ),
        ),
    )


def _cell(phase: str, group: Sequence[Measured]) -> str:
    spent = Spread.of([one.phases[phase] for one in group])
    bare = Spread.of([one.bare.get(phase, 0.0) for one in group])
    share = f"{spent.median / Spread.of([one.total for one in group]).median:.0%}"
    beside = f" [{seconds(bare.median)}]" if bare.median else ""
    return f"{seconds(spent.median)}{beside}, {share}"


if __name__ == "__main__":
    sys.exit(main())
