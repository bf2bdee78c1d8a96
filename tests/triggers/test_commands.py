"""Commands in comments: rows, and nothing raises or takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deliveries.commands import MEANINGS, Command, Unknown, read_command

COMMANDS: list[tuple[str, Command]] = [
    *((f"/codeagent {command}", command) for command in Command),
    ("/codeagent", Command.HELP),
    ("/CodeAgent FIX", Command.FIX),
    ("/codeagent   fix  ", Command.FIX),
    ("\n\n  /codeagent fix\nand whatever else", Command.FIX),
    ("\r\n/codeagent stop\r\nplease", Command.STOP),
    ("<!-- a template\n -->\n\n/codeagent fix", Command.FIX),
    ("<!-- one --> <!-- two -->/codeagent fix", Command.FIX),
    ("   /codeagent fix", Command.FIX),
]

UNKNOWN: list[tuple[str, str, Command | None]] = [
    ("/codeagent fxi", "fxi", Command.FIX),
    ("/codeagent statsu", "statsu", Command.STATUS),
    ("/codeagent dance", "dance", None),
    ("/codeagent fix this please", "fix this please", Command.FIX),
    ("/codeagent stop!", "stop!", Command.STOP),
    ("/codeagent " + "x" * 1000, "x" * 40, None),
    ("/codeagent --help", "--help", Command.HELP),
]

NONE = [
    "",
    " \n\t\n",
    "Please /codeagent fix",
    "Thanks.\n\n/codeagent fix",
    "> /codeagent fix",
    "`/codeagent fix`",
    "```\n/codeagent fix\n```",
    "~~~\n/codeagent fix\n~~~",
    "    /codeagent fix",
    "text\n    /codeagent fix",
    "\t/codeagent fix",
    " \t/codeagent fix",
    "\n\n     /codeagent fix",
    "<!-- /codeagent fix -->",
    "<!-- /codeagent fix",
    "<!--\n/codeagent fix\n-->",
    "<!-- x -->\n    /codeagent fix",
    "<b>/codeagent fix</b>",
    "- /codeagent fix",
    "1. /codeagent fix",
    "/codeagentfix",
    "/codeagent-fix",
    "/codeagents fix",
    "@codeagent fix",
    "\u200b/codeagent fix",
    "\\/codeagent fix",
]


@pytest.mark.parametrize(("text", "command"), COMMANDS)
def test_commands(text: str, command: Command) -> None:
    assert read_command(text) is command


@pytest.mark.parametrize(("text", "word", "close"), UNKNOWN)
def test_unknown_words_name_what_is_close(text: str, word: str, close: Command | None) -> None:
    assert read_command(text) == Unknown(word=word, close=close)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_command(text: str) -> None:
    assert read_command(text) is None


@given(st.text() | st.text("/codeagnt fix<!->\n\t\r `").map(lambda tail: f"/codeagent {tail}"))
def test_nothing_raises(text: str) -> None:
    found = read_command(text)
    if isinstance(found, Unknown):
        assert 0 < len(found.word) <= 40
        assert not {"\n", "\r"} & set(found.word)


@pytest.mark.parametrize("part", ["<!--", "<!---->", "<!-- -", "\n", " \n", "\t"])
def test_a_hostile_comment_takes_no_time(part: str) -> None:
    started = time.process_time()
    assert read_command(part * 1_000_000) is None
    assert time.process_time() - started < 5  # it is linear: milliseconds


def test_every_command_is_explained() -> None:
    assert set(MEANINGS) == set(Command)
