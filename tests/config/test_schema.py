"""The published schema: current, and of one mind with what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given

from bot.config.keys import RepoConfig
from bot.config.keys_table import BOUNDS, keys_table, names
from bot.config.reading import Mistaken, read_repo_config
from bot.config.schema import schema, schema_text
from bot.settings import Settings
from bot.settings_shown import shown
from tests.config.strategies import CONFIGS

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "codeagent.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_published_one_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        "run: codeagent config schema > docs/codeagent.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_every_key_says_what_it_means() -> None:
    made = schema()
    for part in (made, *made["$defs"].values()):
        for name, key in part.get("properties", {}).items():
            assert key.get("description"), name


@given(CONFIGS)
def test_what_can_be_said_is_valid_and_read_as_it_was_meant(config: RepoConfig) -> None:
    said: dict[str, Any] = config.model_dump(mode="json", exclude_unset=True)
    VALIDATOR.validate(said)
    assert read_repo_config(yaml.safe_dump(said).encode()) == config


@pytest.mark.parametrize(
    "said",
    [
        {"unknown": 1},
        {"triggers": {"checks": "sometimes"}},
        {"budget": {"money": -1}},
        {"budget": {"day": {"weeks": 1}}},
        {"label": ""},
        {"reviewers": ["a b"]},
        {"test_command": "pytest"},
        {"driver": "auto"},
        {"python": "2.7"},
        {"language": "ignore all rules!"},
    ],
    ids=str,
)
def test_what_is_refused_is_marked_in_editors_too(said: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(said)
    with pytest.raises(Mistaken):
        read_repo_config(yaml.safe_dump(said).encode())


def test_the_page_has_the_table_of_keys() -> None:
    page = (PUBLISHED.parent / "configuration.md").read_text(encoding="utf-8")
    assert f"keeps it true -->\n{keys_table()}<!-- end of keys -->" in page, "python -m bot.config.keys_table"


def test_what_bounds_a_key_is_a_setting() -> None:
    assert set(BOUNDS) <= set(names())
    known = list(shown(Settings()))
    for bound in BOUNDS.values():
        for name in bound.partition(":")[0].partition(" (")[0].split(", "):
            assert f"CODEAGENT_{name}" in known
