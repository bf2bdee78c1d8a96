"""What the documents say of the program is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bot.cli.main import app
from bot.repo_config import read_repo_config
from bot.settings_table import settings_table

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]


def test_the_table_of_settings_is_the_settings() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    between = re.search(r"keeps it true -->\n(.*)<!-- end of settings -->", text, re.DOTALL)
    assert between is not None
    assert between[1] == settings_table()


def test_the_example_of_a_repository_configuration_is_one() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    config = read_repo_config(example[1].encode())
    assert set(yaml.safe_load(example[1])) == set(type(config).model_fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_files_that_are_there(page: Path) -> None:
    named = re.findall(
        r"(?<![\w/.~-])((?:docs|tests|bot|agent|sandbox|deploy|benchmarks)/[\w./-]*\w)", page.read_text()
    )
    missing = sorted({name for name in named if not (ROOT / name).exists()})
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_commands_that_there_are(page: Path) -> None:
    said = set(re.findall(r"\bcodeagent (fix|serve|doctor|replay|bench|[a-z]+)\b(?= )", page.read_text()))
    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    groups = {group.name for group in app.registered_groups}
    commands = {name for name in said if name in known | groups}
    for name in commands:
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)", (ROOT / "README.md").read_text())) <= targets
