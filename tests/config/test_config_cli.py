"""``codeagent config``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.main import app
from bot.config.schema import schema_text
from bot.settings import Settings
from bot.settings_shown import HIDDEN, shown
from bot.settings_table import settings_table

RUN = CliRunner()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str, path: str = ".github/codeagent.yml") -> Path:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("draft: true\n", 0, ".github/codeagent.yml: fine (draft)\n"),
        ("# nothing\n", 0, ".github/codeagent.yml: fine (nothing is said, the defaults hold)\n"),
        ("draft: true\nbudgte: {}\n", 2, ".github/codeagent.yml:2: budgte: there is no such key"),
        ("a: [\n", 2, ".github/codeagent.yml:2: it is not YAML that is understood"),
        ("- x\n", 2, ".github/codeagent.yml:1: it must be a mapping"),
    ],
)
def test_validate(text: str, code: int, said: str) -> None:
    written(text)
    result = RUN.invoke(app, ["config", "validate"])
    assert result.exit_code == code
    assert result.output.startswith(said)


def test_every_mistake_is_a_line() -> None:
    written("draft: maybe\nlabels:\n- ''\n")
    result = RUN.invoke(app, ["config", "validate", "."])
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        [".github/codeagent.yml:1", "draft"],
        [".github/codeagent.yml:3", "labels.0"],
    ]


def test_validate_an_organisations_file_standard_input_and_nothing() -> None:
    written("draft: true\n", "shared/codeagent.yml")
    assert RUN.invoke(app, ["config", "validate", "shared"]).output == "shared/codeagent.yml: fine (draft)\n"
    assert RUN.invoke(app, ["config", "validate", "-"], input="draft: no\n").exit_code == 0
    absent = RUN.invoke(app, ["config", "validate", "absent.yml"])
    assert absent.exit_code == 2
    assert "There is no file absent.yml" in absent.output


def test_validate_under_the_operators_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    written("draft: true\nlabel: fix\n")
    assert RUN.invoke(app, ["config", "validate"]).exit_code == 0
    refused = RUN.invoke(app, ["config", "validate", "--terms"])
    assert refused.exit_code == 2
    assert refused.stderr.startswith(".github/codeagent.yml:2: label: fix is none of the labels")
    monkeypatch.setenv("CODEAGENT_LABELS", "fix")
    assert RUN.invoke(app, ["config", "validate", "--terms"]).exit_code == 0


def test_schema() -> None:
    assert RUN.invoke(app, ["config", "schema"]).output == schema_text()


def test_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEAGENT_WEBHOOK_SECRET", "s3cret-s3cret-s3cret")
    monkeypatch.setenv("CODEAGENT_DATABASE_URL", "postgresql://me:hush@db.example/bot")
    monkeypatch.setenv("CODEAGENT_MODEL__API_KEY", "key-hush")
    monkeypatch.setenv("CODEAGENT_MODEL__PRICES", '{"*": {"input": 1, "output": 2}}')
    monkeypatch.setenv("CODEAGENT_LABELS", "a, b")
    rows = json.loads(RUN.invoke(app, ["config", "show", "--json"]).output)
    assert rows["CODEAGENT_WEBHOOK_SECRET"] == rows["CODEAGENT_MODEL__API_KEY"] == HIDDEN
    assert rows["CODEAGENT_DATABASE_URL"] == "postgresql://me:***@db.example/bot"
    assert rows["CODEAGENT_LABELS"] == "a,b"
    assert rows["CODEAGENT_DRAFT"] == "false"
    assert rows["CODEAGENT_TRIGGERS__CHECKS"] == "all"
    lines = RUN.invoke(app, ["config", "show"]).output
    assert "CODEAGENT_BUDGET__SECONDS=1200.0\n" in lines
    assert "hush" not in lines
    assert "s3cret" not in lines


def test_show_knows_every_variable() -> None:
    documented = [line.split("`")[1] for line in settings_table().splitlines()[2:]]
    assert list(shown(Settings())) == documented
