"""The command: switches, choice of problems, the report, and what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from agent.llm.types import Component
from agent.method import Agreement, Driver
from agent.protocols import Progress
from agent.run import Services
from agent.types import Budget
from bot.bench.cli import register
from bot.bench.report import FILES
from bot.bench.rows import ROW, read_setup
from bot.bench.wiring import EngineWiring
from bot.errors import BotError, ConfigError
from bot.model_settings import ModelSettings
from bot.settings import SandboxChoice, Settings
from sandbox.environments import Environment
from tests.agent.support import ToySandboxes
from tests.bench.support import CLAMP, INITIALS, Programmer, services, write_humaneval


class Wired:
    """Toy sandboxes and scripted parts in the place of the machine's engine."""

    def __init__(self) -> None:
        self.asked: list[tuple[Driver, float | None]] = []
        self.budget = Budget(max_iterations=77, max_seconds=1000)
        self.sandboxes = ToySandboxes()

    @contextmanager
    def services(self, driver: Driver, money: float | None) -> Iterator[Services]:
        self.asked.append((driver, money))
        yield services(self.sandboxes, Programmer)

    def environment(self, language: str, _services: Services, _progress: Progress) -> Environment:
        return Environment(directory=Path("/nonexistent"), key=language, tools=("pytest",))


@contextmanager
def rim() -> Iterator[None]:
    try:
        yield
    except BotError as error:
        raise typer.Exit(2) from typer.echo(f"refused: {error}")


def call(arguments: Sequence[str], wired: Wired) -> tuple[Result, str]:
    app, shown = typer.Typer(pretty_exceptions_enable=False), io.StringIO()

    def wire(_sandbox: SandboxChoice | None) -> Wired:
        return wired

    register(app, Console(file=shown, width=200), rim, wire)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return result, shown.getvalue() + result.output


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [CLAMP, INITIALS, *(CLAMP | {"task_id": f"Own/{number}"} for number in range(2, 8))]
    return write_humaneval(tmp_path / "data.jsonl", rows)


def test_a_run_with_its_null_hypothesis_ends_in_a_report(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["humaneval", "--data", str(data), "--out", str(out), "--runs", "2", "--limit", "2"]
    result, shown = call([*arguments, "--null-hypothesis", "--workers", "2"], Wired())
    assert result.exit_code == 0, shown
    for name in FILES:
        assert (out / name).is_file()
    assert "100.00 ± 0.00" in shown
    assert "null hypothesis (pipeline) of: built-in" in shown
    assert "none (built-in)" in shown  # G6
    assert len(list(out.rglob(ROW))) == 8
    idle = Wired()
    assert call(arguments, idle)[0].exit_code == 0
    assert idle.sandboxes.runs == []


@pytest.mark.parametrize(
    ("flags", "path", "value"),
    [
        (["--policy", "model"], "method.driver", Driver.MODEL),
        (["--policy", "model"], "budget.max_iterations", 5),  # G5
        (["--policy", "pipeline"], "budget.max_iterations", 5),
        ([], "budget.max_iterations", 77),
        (["--max-iterations", "3"], "budget.max_iterations", 3),  # J3 to J6
        (["--search", "bfs"], "method.search", "breadth-first"),  # J1
        (["--search", "best-first"], "method.search", "best-first"),  # J7
        (["--search", "greedy"], "method.search", "greedy"),
        ([], "method.search", "hybrid depth-first"),
        (["--no-self-feedback"], "method.self_feedback", False),  # J2
        (["--no-tests"], "method.generated_tests", False),  # J16
        (["--no-planner"], "method.planner", False),
        (["--no-decision"], "method.decision", False),
        (["--without-skill", "architect"], "method.skills", ("implementer", "debugger", "test designer")),
        (["--agreement", "b4"], "method.agreement", Agreement.B4),
        (["--max-money", "0.25"], "budget.max_money", 0.25),
        (["--max-tokens", "900"], "budget.max_tokens", 900),
        (["--seconds", "60"], "budget.max_seconds", 60.0),
        ([], "method.clarify", False),  # nobody answers
    ],
)
def test_every_switch_reaches_the_method(
    data: Path, tmp_path: Path, flags: list[str], path: str, value: object
) -> None:
    out = tmp_path / "out"
    base = ["humaneval", "--data", str(data), "--out", str(out), "--runs", "1", "--limit", "1"]
    result, shown = call([*base, *flags], Wired())
    assert result.exit_code == 0, shown
    found: object = read_setup(out)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value


def problems(out: Path) -> set[str]:
    return {json.loads(row.read_text())["problem"] for row in out.rglob(ROW)}


def test_a_sample_and_its_held_out_ones(data: Path, tmp_path: Path) -> None:
    """F4, J14."""
    base = ["humaneval", "--data", str(data), "--runs", "1", "--sample", "3", "--seed", "4"]
    for name, flags in {"one": [], "two": ["--held-out"]}.items():
        result, shown = call([*base, "--out", str(tmp_path / name), *flags], Wired())
        assert result.exit_code == 0, shown
    one, two = problems(tmp_path / "one"), problems(tmp_path / "two")
    assert (len(one), len(two), one & two) == (3, 3, set())
    assert "the held-out ones" in (tmp_path / "two" / "report.md").read_text()


def test_directories_of_the_same_problems_are_put_side_by_side(data: Path, tmp_path: Path) -> None:
    for name, flags in {"dfs": [], "one": ["--max-iterations", "1"]}.items():
        arguments = ["humaneval", "--data", str(data), "--runs", "1", "--limit", "2"]
        assert call([*arguments, "--out", str(tmp_path / name), *flags], Wired())[0].exit_code == 0
    result, shown = call(
        ["report", str(tmp_path / "dfs"), str(tmp_path / "one"), "--out", str(tmp_path / "both")], Wired()
    )
    assert result.exit_code == 0, shown
    assert "77 iterations" in shown
    assert "1 iterations" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["humaneval", "--data", "nowhere.jsonl"], "cannot be read"),
        (["humaneval", "--language", "js", "--no-tests"], "Python only"),
        (["multipl-e", "--language", "js"], "needs --no-tests"),
        (["humaneval", "--held-out"], "needs --sample"),
        (["humaneval", "--policy", "pipeline", "--null-hypothesis"], "null hypothesis itself"),
        (["humaneval", "--sample", "9", "--held-out"], "No problem"),
        (["multipl-e", "--language", "java", "--no-tests"], "needs a JDK"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    data: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = arguments if "--data" in arguments else [*arguments, "--data", str(data)]
    result, shown = call([*given, "--out", str(tmp_path / "out")], Wired())
    assert result.exit_code == 2
    assert said in shown
    assert not list(tmp_path.rglob(ROW))


def test_another_setup_needs_another_directory(data: Path, tmp_path: Path) -> None:
    base = ["humaneval", "--data", str(data), "--out", str(tmp_path / "out"), "--runs", "1", "--limit", "1"]
    assert call(base, Wired())[0].exit_code == 0
    result, shown = call([*base, "--search", "greedy"], Wired())
    assert result.exit_code == 2
    assert "give another --out" in shown


def test_a_policy_that_needs_a_model_is_refused_without_one() -> None:
    """Before anything is prepared, and also where only a cap of money was given without prices."""
    none = EngineWiring(settings=Settings(), sandboxes=ToySandboxes())
    with pytest.raises(ConfigError, match="needs a model"), none.services(Driver.MODEL, None):
        pass
    named = EngineWiring(
        settings=Settings(model=ModelSettings(name="own-1", base_url="http://127.0.0.1:9/v1")),
        sandboxes=ToySandboxes(),
    )
    with pytest.raises(ConfigError, match="no price"), named.services(Driver.PIPELINE, 0.1):
        pass
    with named.services(Driver.PIPELINE, None) as made:
        assert made.line is not None
        assert dict(made.method.models)[Component.POLICY] == "own-1"
    with named.services(Driver.BUILT_IN, None) as made:
        assert made.line is None
