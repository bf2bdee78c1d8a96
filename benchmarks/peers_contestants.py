"""The programs that are compared, as their own documents say to run them without a person, and their scripts.

All get the same small repository (the demo's, one commit), the same report and in the end write the same two
changes: the new test file and the repaired function. Which steps lead there is each program's own way.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers_endpoint import KEY, MODEL, Message, Script

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "tests" / "demo"
SOURCE = "src/pager/pages.py"
TEST = "tests/test_clamp_low.py"
OLD = "    if number > pages:\n        number = pages\n    return number\n"
NEW = "    return max(1, min(number, pages))\n"
TEST_TEXT = """from pager import clamp_page


def test_a_page_below_the_first_is_the_first():
    assert clamp_page(-3, 10) == 1
    assert clamp_page(0, 10) == 1
"""
LITELLM = "litellm==1.81.10"
"""Of both. The newest one (1.106.2) does not import with mini-swe-agent 2.4.6: it wants a package that nobody
declares."""
PEERS = {"mini-swe-agent": ("mini-swe-agent==2.4.6", LITELLM), "aider-chat": ("aider-chat==0.86.2", LITELLM)}
TIMED = "timed-tests"
_WRAPPER = """#!/bin/sh
began=$(date +%s.%N)
PYTHONPATH=src "{python}" -m pytest -q -p no:cacheprovider "$@"
status=$?
echo "$began $(date +%s.%N)" >> "{log}"
exit $status
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all programs are given: a directory for this one run, the endpoint, and a proxy that refuses."""

    place: Path
    url: str
    door: str
    out: str = "out"  # where CodeAgent writes

    @property
    def repository(self) -> Path:
        return self.place / "repository"

    @property
    def test_log(self) -> Path:
        return self.place / "tests.log"

    def environment(self, first: Path) -> dict[str, str]:
        """Nothing of the caller's but the way to programs; a home of its own; ``first`` leads the PATH."""
        home = self.place / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": f"{first}:{self.place / 'bin'}:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "OPENAI_API_KEY": KEY,
            "OPENAI_API_BASE": self.url,
            "OPENAI_BASE_URL": self.url,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "HTTP_PROXY": self.door,
            "HTTPS_PROXY": self.door,
            "http_proxy": self.door,
            "https_proxy": self.door,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "GIT_AUTHOR_NAME": "Alice",
            "GIT_AUTHOR_EMAIL": "alice@example.com",
            "GIT_COMMITTER_NAME": "Alice",
            "GIT_COMMITTER_EMAIL": "alice@example.com",
        }


def set_up(stage: Stage, project: Path) -> None:
    """The repository as one commit, and the wrapper that writes down when tests ran. ``project`` is the
    interpreter that has what the tests need."""
    shutil.copytree(DEMO / "repository", stage.repository, ignore=shutil.ignore_patterns("__pycache__"))
    environment = stage.environment(project.parent)
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run(("git", *words), cwd=stage.repository, env=environment, check=True)
    (stage.place / "bin").mkdir()
    wrapper = stage.place / "bin" / TIMED
    wrapper.write_text(_WRAPPER.format(python=project, log=stage.test_log), encoding="utf-8")
    wrapper.chmod(0o755)


def issue() -> str:
    return (DEMO / "issue.md").read_text(encoding="utf-8")


def changed_as_scripted(source: str, test: str) -> bool:
    return NEW in source and OLD not in source and "clamp_page(-3, 10) == 1" in test


# --- mini-swe-agent -----------------------------------------------------------------------------------------

_EDIT = (
    f"python3 - <<'EOS'\nimport pathlib\np = pathlib.Path({SOURCE!r})\n"
    f"p.write_text(p.read_text().replace({OLD!r}, {NEW!r}))\nEOS"
)
_MINI = (
    ("Look at the code and its tests.", f"cat {SOURCE} && ls tests"),
    ("Reproduce it with a test.", f"cat > {TEST} <<'EOS'\n{TEST_TEXT}EOS\n{TIMED} {TEST}"),
    ("Repair it.", _EDIT),
    ("Verify.", TIMED),
    ("Done.", "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"),
)


def mini_script(body: Mapping[str, Any]) -> Message:
    """The steps that its own instructions recommend: look, reproduce, edit, verify, submit."""
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    if turn >= len(_MINI):
        raise LookupError(f"mini-swe-agent asked a {turn + 1}. time: {str(body['messages'][-1])[-400:]}")
    says, command = _MINI[turn]
    call = {"name": "bash", "arguments": json.dumps({"command": command})}
    return {
        "content": says,
        "tool_calls": [{"id": f"call_{turn}", "type": "function", "function": call}],
    }


def mini_command(stage: Stage, peers: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    program = peers / "mini-swe-agent" / "bin" / "mini"
    environment = stage.environment(peers / "project" / "bin") | {
        "MSWEA_COST_TRACKING": "ignore_errors",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_GLOBAL_CONFIG_DIR": str(stage.place / "mini"),
    }
    words = ("--yolo", "--exit-immediately", "--model", f"openai/{MODEL}", "--task", issue())
    return (str(program), *words), environment


# --- Aider --------------------------------------------------------------------------------------------------


def aider_script(body: Mapping[str, Any]) -> Message:
    """The edit in its own form; and the commit message, which it asks for in a call of its own."""
    system = " ".join(str(each["content"]) for each in body["messages"] if each["role"] == "system")
    if "commit message" in system:
        return {"content": "fix: no page lies below the first"}
    last = str(body["messages"][-1]["content"])
    if "clamp_page" not in last:
        raise LookupError(f"Aider asked for something else: {last[-400:]}")
    return {"content": f"It lacks a lower end.\n\n{_block(SOURCE, OLD, NEW)}\n{_block(TEST, '', TEST_TEXT)}"}


def _block(path: str, old: str, new: str) -> str:
    return f"{path}\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


def aider_command(stage: Stage, peers: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    program = peers / "aider-chat" / "bin" / "aider"
    metadata = stage.place / "metadata.json"
    facts = {
        "max_input_tokens": 32_000,
        "max_output_tokens": 4_096,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    facts |= {"input_cost_per_token": 0, "output_cost_per_token": 0}
    metadata.write_text(json.dumps({f"openai/{MODEL}": facts}), encoding="utf-8")
    words = (
        *("--model", f"openai/{MODEL}", "--model-metadata-file", str(metadata), "--edit-format", "diff"),
        *("--yes-always", "--no-check-update", "--no-show-release-notes", "--analytics-disable"),
        *("--no-stream", "--no-pretty", "--no-show-model-warnings", "--no-detect-urls"),
        *("--auto-test", "--test-cmd", TIMED, "--message", issue(), SOURCE),
    )
    return (str(program), *words), stage.environment(peers / "project" / "bin")


# --- making them --------------------------------------------------------------------------------------------


def install(peers: Path) -> None:
    """A virtual environment for each, and one with what the repository's tests need; kept for next time."""
    for name, requirements in {"project": ("pytest",), **PEERS}.items():
        place = peers / name
        if (place / "installed").exists():
            continue
        subprocess.run((sys.executable, "-m", "venv", "--clear", str(place)), check=True)
        pip = (str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements)
        subprocess.run(pip, check=True)
        (place / "installed").touch()


def versions(peers: Path) -> dict[str, str]:
    """As the packages themselves say it."""
    found = {}
    for name in PEERS:
        asked = subprocess.run(
            (
                str(peers / name / "bin" / "python"),
                "-c",
                f"import importlib.metadata as m; print(m.version({name!r}), m.version('litellm'))",
            ),
            capture_output=True,
            text=True,
            check=True,
        )
        own, litellm = asked.stdout.split()
        found[name] = f"{own} (litellm {litellm})"
    return found


SCRIPTS: Mapping[str, Script] = {"mini-swe-agent": mini_script, "Aider": aider_script}


def read(paths: Sequence[Path]) -> list[str]:
    return [path.read_text(encoding="utf-8") if path.is_file() else "" for path in paths]
