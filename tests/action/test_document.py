"""docs/action.md has the inputs, outputs and statuses of action.yml, word for word.

``python -m tests.action.test_document`` writes its tables anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from bot.action.status import CODES, GROUPS, Status
from tests.acceptance.support import ROOT

DOCUMENT = ROOT / "docs" / "action.md"
WHEN = {
    Status.SOLVED: "a proven patch: in a pull request, or as a file",
    Status.ANSWERED: "`/codeagent explain`, or a reviewer's question",
    Status.NOTHING: "the event asks for nothing, or nothing is left to do",
    Status.NO_PATCH: "reproduced, and no patch was found",
    Status.USAGE: "an input cannot be used; it is named",
    Status.UNRUNNABLE: "the repository's tests cannot be run",
    Status.NO_SANDBOX: "neither Docker nor bubblewrap works on this runner",
    Status.NO_PERMISSION: "the token may not; the lines to add are said",
    Status.NOT_REPRODUCED: "no test made of the issue fails for the stated reason",
    Status.OVER_BUDGET: "a cap of time, money, tokens or rounds was reached",
    Status.ASKING: "the issue leaves something open; it got a question",
    Status.HELD_BACK: "somebody else's work would have been overwritten, or a pull request was closed",
    Status.REFUSED: "whoever asked may not write, or the repository has switched it off",
    Status.FAILED: "GitHub did not answer, or an error of ours; the log has more",
    Status.CANCELLED: "the run was cancelled",
}


def tables() -> dict[str, list[str]]:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    inputs = [
        f"| `{name}` | {_code(str(about['default']))} | {_cell(about['description'])} |"
        for name, about in action["inputs"].items()
    ]
    outputs = [f"| `{name}` | {_cell(about['description'])} |" for name, about in action["outputs"].items()]
    statuses = [
        f"| `{status.value}` | {code} | {', '.join(_groups(status))} | {WHEN[status]} |"
        for status, code in CODES.items()
    ]
    return {
        "inputs": ["| input | default | meaning |", "|---|---|---|", *inputs],
        "outputs": ["| output | meaning |", "|---|---|", *outputs],
        "statuses": [
            "| status | exit code when `fail-on` has it | group | when |",
            "|---|---|---|---|",
            *statuses,
        ],
    }


def _groups(status: Status) -> Iterable[str]:
    return (f"`{name}`" for name, members in GROUPS.items() if status in members)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def test_the_tables_are_those_of_the_action() -> None:
    text = DOCUMENT.read_text()
    for name, rows in tables().items():
        shown = re.search(rf"<!-- {name} -->\n((?:\|.*\n)*)<!-- end -->", text)
        assert shown is not None, name
        assert shown[1].splitlines() == rows, f"{name}: run python -m tests.action.test_document"


def test_the_permissions_are_those_that_are_asked_for() -> None:
    from bot.action.permissions import ALL, SILENT

    block = DOCUMENT.read_text().partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(block) == {"permissions": ALL}
    assert set(SILENT.values()) == {"read"}


def test_every_workflow_to_copy_is_named() -> None:
    text = DOCUMENT.read_text()
    for path in (ROOT / "docs" / "workflows").iterdir():
        assert f"(workflows/{path.name})" in text


def main() -> None:
    text = DOCUMENT.read_text()
    for name, rows in tables().items():
        block = "\n".join((f"<!-- {name} -->", *rows, "<!-- end -->"))
        text = re.sub(
            rf"<!-- {name} -->\n(?:(?:\|.*\n)*<!-- end -->)?", lambda _, block=block: block + "\n", text
        )
    DOCUMENT.write_text(re.sub(r"(<!-- end -->)\n{3,}", r"\1\n\n", text))


if __name__ == "__main__":
    main()
