"""CodeAgent among the compared programs: its command, and the same fix in the forms that it asks for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import peers_contestants as peers
from benchmarks.peers_endpoint import KEY, MODEL, Message

_CASE = {
    "name": "test_a_page_below_the_first_is_the_first",
    "kind": "basic",
    "verifies": "A page below the first is the first.",
    "quote": "`clamp_page(-3, 10)` returns `-3`, I expect `1`.",
    "code": peers.TEST_TEXT.partition("\n\n\n")[2],
    "expects_failure_now": True,
    "fails_with": "AssertionError",
}
_WRITES_TESTS, _REPAIRS = (
    {
        "skill": skill,
        "summary": summary,
        "path": peers.SOURCE,
        "symbol": "clamp_page",
        "line": None,
        "confidence": 90,
    }
    for skill, summary in (
        ("test designer", "Test that pages below the first are the first."),
        ("debugger", "Clamp at the lower end as well."),
    )
)
_LINE = (
    (peers.DEMO / "repository" / peers.SOURCE).read_text(encoding="utf-8").partition(peers.OLD)[0].count("\n")
)
_REPLIES: Mapping[str, Mapping[str, Any]] = {
    "Verdict": {"reason": "It does what the issue asks for.", "use": True},
    "DesignReply": {"preamble": "from pager import clamp_page", "cases": [_CASE], "wrong_tests": None},
    "Explanations": {
        "explanations": [
            {
                "test": 1,
                "explanation": "Only the upper end is clamped.",
                "suspects": [
                    {"path": peers.SOURCE, "symbol": "clamp_page", "line": None, "reason": "no lower end"}
                ],
                "confidence": 80,
            }
        ]
    },
    "RepairReply": {
        "bug_class": "boundary",
        "explanation": "The lower end was not clamped.",
        "edits": [
            {
                "reasoning": "Clamp at both ends.",
                "path": peers.SOURCE,
                "first": _LINE + 1,
                "last": _LINE + peers.OLD.count("\n"),
                "expected": peers.OLD,
                "replacement": peers.NEW,
            }
        ],
        "wrong_test": None,
        "expectation": "Pages below the first become the first.",
    },
}


def script(body: Mapping[str, Any]) -> Message:
    """One proposal at a time: the tests first, then the repair."""
    wanted = (body.get("response_format") or {}).get("json_schema") or {}
    name = str(wanted.get("name", ""))
    if name == "Proposals":
        turn = "\n".join(str(each["content"]) for each in body["messages"] if each["role"] == "user")
        tested = "## Tests made from the issue" in turn
        return {"content": json.dumps({"actions": [_REPAIRS if tested else _WRITES_TESTS]})}
    if name in _REPLIES:
        return {"content": json.dumps(_REPLIES[name])}
    raise LookupError(f"CodeAgent asked for {name or 'an answer without a form'}")


def command(stage: peers.Stage, data: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """``codeagent fix`` as a user types it, with the model alone."""
    report = stage.place / "issue.md"
    report.write_text(peers.issue(), encoding="utf-8")
    words = ("fix", str(stage.repository), "--issue", str(report), "--out", str(stage.place / stage.out))
    environment = stage.environment(Path(sys.executable).parent) | {
        "CODEAGENT_DATA_DIR": str(data),
        "CODEAGENT_SANDBOX": "bubblewrap",
        "CODEAGENT_DRIVER": "model",
        "CODEAGENT_MODEL__BASE_URL": stage.url,
        "CODEAGENT_MODEL__API_KEY": KEY,
        "CODEAGENT_MODEL__NAME": MODEL,
    }
    return (sys.executable, "-m", "bot", *words), environment
