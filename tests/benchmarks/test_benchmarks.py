"""The measuring scripts run, with the smallest parameters. What they measure is judged by nobody here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.run import Services, open_journal, repair
from benchmarks import label_to_pull_request, sandbox_overhead, webhook_latency
from benchmarks.bare_runs import listen, measure_bare
from benchmarks.label_to_pull_request import Record, by_phase
from benchmarks.support import Grid, Spread, seconds
from sandbox.bubblewrap import BubblewrapSandboxes
from tests.agent.offline import OfflineWorkbench, make_environment
from tests.agent.support import CALC, TASK, TEST_CALC


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00 µs"), (0.00087, "870 µs"), (0.0142, "14.2 ms"), (2.314, "2.31 s"), (125.0, "125 s")],
)
def test_seconds_are_shown_with_three_digits(value: float, text: str) -> None:
    assert seconds(value) == text


def test_a_table_is_markdown() -> None:
    grid = Grid(title="T", columns=("a", "b"), rows=(("x", str(Spread.of([1.0, 3.0, 2.0]))),), note="n")
    assert grid.markdown() == ("**T**\n\n| a | b |\n| --- | ---: |\n| x | 2.00 s (1.00 s to 3.00 s) |\n\nn\n")


def test_phases_leave_no_rest() -> None:
    records = [
        Record(at=11.0, file="steps.jsonl", kind="header"),
        Record(at=12.0, file="steps.jsonl", kind="github.comment"),
        Record(at=14.0, file="journal.jsonl", kind="source"),
        Record(at=15.0, file="journal.jsonl", kind="environment"),
        Record(at=18.0, file="journal.jsonl", kind="run", label="baseline"),
        Record(at=19.0, file="journal.jsonl", kind="run", label="reproduction"),
        Record(at=23.0, file="journal.jsonl", kind="run", label="own tests"),
        Record(at=24.0, file="journal.jsonl", kind="run", label="proof: new tests on base"),
        Record(at=25.0, file="journal.jsonl", kind="outcome"),
        Record(at=26.0, file="steps.jsonl", kind="git.push"),
        Record(at=28.0, file="steps.jsonl", kind="github.pull_request"),
    ]
    spent = by_phase(10.0, 10.5, records, 27.0)
    assert spent == {
        "delivery": 0.5,
        "queue": 0.5,
        "first words": 1.0,
        "clone": 2.0,
        "environment": 1.0,
        "baseline": 3.0,
        "reproduction": 1.0,
        "search": 4.0,
        "proof": 2.0,
        "publishing": 2.0,
    }
    assert sum(spent.values()) == 17.0


@pytest.mark.parametrize("script", [label_to_pull_request, sandbox_overhead, webhook_latency])
def test_each_script_explains_itself(script: object, capsys: pytest.CaptureFixture[str]) -> None:
    main = getattr(script, "main")  # noqa: B009
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert (getattr(script, "__doc__") or "?").splitlines()[0] in shown  # noqa: B009


@pytest.mark.bubblewrap
def test_sandbox_overhead(tmp_path: Path) -> None:
    words = ["--repetitions", "1", "--files", "10", "--no-pytest", "--out", str(tmp_path)]
    assert sandbox_overhead.main(words) == 0
    result = json.loads((tmp_path / "sandbox_overhead.json").read_text())
    assert {"bare", "bubblewrap"} <= {sample["kind"] for sample in result["details"]}
    assert "| run true |" in (tmp_path / "sandbox_overhead.md").read_text()


@pytest.mark.slow
def test_webhook_latency(tmp_path: Path) -> None:
    words = ["--repetitions", "1", "--seconds", "0.1", "--rate", "50", "--no-busy", "--no-postgres"]
    assert webhook_latency.main([*words, "--out", str(tmp_path)]) == 0
    bursts = json.loads((tmp_path / "webhook_latency.json").read_text())["details"]
    assert {burst["kind"]: burst["statuses"] for burst in bursts} == {
        "constant": {"202": 5},
        "ignored": {"200": 5},
        "wanted": {"202": 5},
    }


@pytest.mark.bubblewrap
@pytest.mark.slow
def test_every_command_of_a_run_can_be_executed_bare(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "tests").mkdir(parents=True)
    (tree / "calc.py").write_text(CALC)
    (tree / "tests" / "test_calc.py").write_text(TEST_CALC)
    sandboxes = BubblewrapSandboxes()
    services = Services(
        sandboxes=sandboxes,
        cache=tmp_path,
    )
    bench = OfflineWorkbench(tree, make_environment(tmp_path / "env"), sandboxes)
    issue = "```python\n>>> from calc import double\n>>> double(2)\n4\n```\n"
    task = replace(TASK, title="double", text=issue, given_tests=())
    with open_journal(tmp_path / "journal", run="r", task=task) as journal:
        outcome = repair(task, tree, services, journal, workbench=bench)
    heard = listen(tmp_path / "journal", tree, services, bench)
    assert [run.label for run in heard.runs[:2]] == ["baseline", "baseline"]
    assert len(heard.runs) == outcome.spend.sandbox_runs
    took = measure_bare(heard, tree, services)
    assert len(took) == len(heard.runs)
    assert min(took) > 0
