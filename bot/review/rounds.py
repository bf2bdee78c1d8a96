"""What a pull request's description says of the answers to its reviewers: one row each, and the sum. Pure.

The rows are the record: GitHub keeps them, whatever becomes of this machine. Whoever may edit the description
may edit them; they decide about nothing but when enough is enough.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final

from bot.render.parts import money, sections, table
from bot.sanitize import BODY_LIMIT, capped, cell, code

MOST: Final = 200  # rows that are read
_BEGIN: Final = "<!-- codeagent:reviewed -->"
_END: Final = "<!-- codeagent:reviewed end -->"
_SECTION: Final = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}\\n?", re.DOTALL)
_ROW: Final = re.compile(r"<!-- codeagent:round (\{[^\n]{1,2000}?\}) -->")
_MARKER: Final = re.compile(r"<!-- codeagent:pull-request [0-9a-f]{8} -->")
_RUN: Final = re.compile(r"(?:/runs/|run `)([0-9a-f]{32})\b")
_ISSUE: Final = re.compile(r"(?m)^Fixes #(\d{1,9})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One comment that was answered. ``key`` names the comment, ``did`` what was done in a few words."""

    key: str
    who: str
    did: str
    sha: str = ""  # of the commit, if one was made
    proof: str = ""  # in a few words
    seconds: float = 0.0
    money: float = 0.0
    run: str = ""


def read_rounds(body: str) -> tuple[Round, ...]:
    """The rows that a description has; what somebody spoilt is left out."""
    found = {}
    for row in _ROW.findall(body)[:MOST]:
        one = _round(row)
        if one is not None:
            found[one.key] = one
    return tuple(found.values())


def with_round(body: str, new: Round, run_url: str = "") -> str:
    """The description with this row in the place of an earlier one of its comment, or as the last."""
    rows = {each.key: each for each in read_rounds(body)}
    rows[new.key] = new
    section = _section(tuple(rows.values()), run_url)
    rest = _SECTION.sub("", body).rstrip("\n")
    return capped(rest, max(1_000, BODY_LIMIT - len(section) - 10)).rstrip("\n") + f"\n\n{section}"


def marker_of(body: str) -> str:
    """By which the bot knows its pull request again; empty when the description has none."""
    found = _MARKER.search(body)
    return found[0] if found else ""


def runs_of(body: str) -> tuple[str, ...]:
    """The runs that a description names, the newest last."""
    return tuple(dict.fromkeys(_RUN.findall(body)))[-MOST:]


def issue_of(body: str) -> int:
    found = _ISSUE.search(body)
    return int(found[1]) if found else 0


def _round(text: str) -> Round | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    kept: dict[str, str | float] = {}
    for each in fields(Round):
        one = value.get(each.name, each.default)
        if each.type == "float" and isinstance(one, int | float) and 0 <= one < 1e9:
            kept[each.name] = float(one)
        elif each.type == "str" and isinstance(one, str) and len(one) <= 300 and "\n" not in one:
            kept[each.name] = one
        else:
            return None
    return Round(**kept)  # type: ignore[arg-type] # each was looked at


def _section(rounds: Sequence[Round], run_url: str) -> str:
    rows = [
        (
            code(each.who, 60),
            cell(each.did, 120) + (f" {each.sha}" if re.fullmatch(r"[0-9a-f]{40,64}", each.sha) else ""),
            cell(each.proof, 200) if each.proof else "",
            _cost(each),
            _run_link(each.run, run_url),
        )
        for each in rounds[-MOST:]
    ]
    total = Round(
        key="", who="", did="", seconds=sum(r.seconds for r in rounds), money=sum(r.money for r in rounds)
    )
    return "\n".join(
        [
            _BEGIN,
            *(f"<!-- codeagent:round {_json(each)} -->" for each in rounds[-MOST:]),
            "",
            sections(
                "## After review",
                table(("for", "what I did", "proof", "cost", "run"), rows),
                f"All rounds together: {_cost(total)}.",
            ).rstrip("\n"),
            _END,
            "",
        ]
    )


def _json(one: Round) -> str:
    """No comment can be ended from inside."""
    return json.dumps(asdict(one), sort_keys=True).replace("<", "\\u003c").replace(">", "\\u003e")


def _cost(one: Round) -> str:
    return f"{one.seconds:.0f} s" + (f", {money(one.money)}" if one.money else "")


def _run_link(run: str, run_url: str) -> str:
    """``run_url`` has the run's id in the place of {run}."""
    if not re.fullmatch(r"[0-9a-f]{1,64}", run):
        return ""
    return f"[run]({run_url.replace('{run}', run)})" if run_url else f"run `{run}`"
