"""docs/getting-started.md is literal: the commands are there with all their options. ``test_end_to_end.py``
goes through them."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from bot.cli.main import app
from tests.docs.checklist import ROOT

PAGE = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
TYPED = re.findall(r"^    (?:.*&& )?codeagent (.+)$", PAGE, re.MULTILINE) + re.findall(
    r"`codeagent ([^`]+)`", PAGE
)
NAMED = re.findall(r"`(--[a-z-]+)", PAGE)


def options(command: str) -> set[str]:
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}


def test_the_steps_are_there() -> None:
    assert [words.split()[0] for words in TYPED[:5]] == ["doctor", "setup", "setup", "doctor", "serve"]


@pytest.mark.parametrize("words", TYPED)
def test_every_command_that_is_typed_exists(words: str) -> None:
    command, *rest = shlex.split(words.replace("…", "x"))
    assert {word for word in rest if word.startswith("--")} <= options(command)


def test_every_option_that_is_named_exists() -> None:
    assert set(NAMED) <= options("setup") | options("serve") | options("relay") | options("doctor")
