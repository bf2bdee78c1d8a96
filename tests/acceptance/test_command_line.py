"""Issue 2, "must be shown" no. 7: bad input at the command line. One line that says what happened, to what
and what to do; the exit code that ``bot.cli`` documents; never a stack trace, and nothing is written."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.support import Ended, Typist, free_port
from tests.checkout.support import Work
from tests.double.auth import key_pair

pytestmark = pytest.mark.bubblewrap

USAGE, UNRUNNABLE, NO_SANDBOX, OUTSIDE = 2, 3, 4, 5
BUBBLEWRAP = {"CODEAGENT_SANDBOX": "bubblewrap"}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with one of everything that a user may name."""
    work = tmp_path / "good"
    work.mkdir()
    good = Work(path=work)
    good.git("init", "--quiet", "-b", "main")
    good.commit({"a.py": "x = 1\n"})
    empty = tmp_path / "empty"
    empty.mkdir()
    Work(path=empty).git("init", "--quiet", "-b", "main")
    headless = tmp_path / "headless"
    headless.mkdir()
    Work(path=headless).git("init", "--quiet", "-b", "main")
    Work(path=headless).commit({"a.py": "x = 1\n"})
    Work(path=headless).git("symbolic-ref", "HEAD", "refs/heads/gone")
    (tmp_path / "plain").mkdir()
    (tmp_path / "damaged" / ".git").mkdir(parents=True)
    (tmp_path / "damaged" / ".git" / "HEAD").write_bytes(b"\xff\xfe\0garbage")
    (tmp_path / "issue.md").write_text("# It breaks\n\n`f(1)` returns `2`, I expect `3`.\n")
    (tmp_path / "binary.md").write_bytes(b"\x7fELF\0\0\0\1" * 100)
    (tmp_path / "blank.md").write_text("\n  \n")
    with (tmp_path / "large.md").open("wb") as large:
        large.truncate(50 << 20)
    (tmp_path / "file").write_text("a file\n")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "somebody's.txt").write_text("keep me\n")
    (tmp_path / "journal.jsonl").write_bytes(b'{"journal": 99}\n\xff\xfe garbage\n')
    (tmp_path / "cases.json").write_text("{not json")
    (tmp_path / "one-case.json").write_text(json.dumps([{"name": "one"}]))
    return tmp_path


@dataclass(frozen=True, slots=True)
class Row:
    """What is typed (``fix`` with a good issue when it is an option of it), what is said, the exit code."""

    words: tuple[str, ...]
    code: int
    said: str
    variables: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""


def fix(*words: str) -> tuple[str, ...]:
    return ("fix", *words, *(() if "--issue" in words else ("--issue", "issue.md")))


ROWS = {
    # the repository
    "no such repository": Row(fix("nowhere"), OUTSIDE, "does not exist"),
    "not a repository": Row(fix("plain"), OUTSIDE, "not a git repository"),
    "a file": Row(fix("file"), OUTSIDE, "not a git repository"),
    "no commit": Row(fix("empty"), OUTSIDE, "is empty"),
    "no default branch": Row(fix("headless"), OUTSIDE, "commit"),
    "damaged": Row(fix("damaged"), OUTSIDE, "git"),
    "nobody answers": Row(fix("http://127.0.0.1:9/o/r.git"), OUTSIDE, "127.0.0.1"),
    "a command as URL": Row(fix("ext::sh -c touch% owned"), OUTSIDE, "does not exist"),
    "a command as transport": Row(fix("ext::sh://x"), OUTSIDE, "http"),
    "an option as URL": Row(
        ("fix", "--issue", "issue.md", "--", "--upload-pack=touch owned"), OUTSIDE, "does not exist"
    ),
    "a password in the URL": Row(fix("http://u:canary-pass@127.0.0.1:9/r.git"), OUTSIDE, "password"),
    # the base
    "no such base": Row(fix("good", "--base", "nowhere"), OUTSIDE, "is no commit"),
    "an option as base": Row(fix("good", "--base=--output=owned"), OUTSIDE, "is no commit"),
    "a wild base": Row(fix("good", "--base", "\x1b[31m$(touch owned)"), OUTSIDE, "is no commit"),
    # the issue
    "no such file": Row(fix("good", "--issue", "gone.md"), USAGE, "There is no file gone.md"),
    "a directory": Row(fix("good", "--issue", "plain"), USAGE, "is a directory"),
    "binary": Row(fix("good", "--issue", "binary.md"), USAGE, "is not text"),
    "blank": Row(fix("good", "--issue", "blank.md"), USAGE, "The issue is empty"),
    "nothing on standard input": Row(fix("good", "--issue", "-"), USAGE, "The issue is empty"),
    "too large": Row(fix("good", "--issue", "large.md"), USAGE, "larger than"),
    "too large on standard input": Row(
        fix("good", "--issue", "-"), USAGE, "larger than", stdin=b"x" * (2 << 20)
    ),
    # the rest of fix
    "a command that is no words": Row(fix("good", "--test-command", "pytest 'x"), USAGE, "--test-command"),
    "out is a file": Row(fix("good", "--out", "file"), USAGE, "--out"),
    "out cannot be made": Row(fix("good", "--out", "/proc/nowhere/out"), USAGE, "--out"),
    "out is taken": Row(fix("good", "--out", "taken"), USAGE, "not empty"),
    "no time": Row(fix("good", "--seconds", "0"), USAGE, "seconds"),
    "no such sandbox": Row(fix("good", "--sandbox", "trust-me"), USAGE, "trust-me"),
    "no image": Row(
        fix("good", "--sandbox", "docker"), NO_SANDBOX, "ocker", {"CODEAGENT_IMAGE": "codeagent-nowhere:none"}
    ),
    "no bubblewrap": Row(
        fix("good", "--sandbox", "bubblewrap"), NO_SANDBOX, "bubblewrap", {"PATH": "/nowhere"}
    ),
    # settings
    "a limit below zero": Row(fix("good"), USAGE, "LIMITS__SECONDS", {"CODEAGENT_LIMITS__SECONDS": "-1"}),
    "no number": Row(fix("good"), USAGE, "BUDGET__ITERATIONS", {"CODEAGENT_BUDGET__ITERATIONS": "many"}),
    "misspelt": Row(fix("good"), USAGE, "did you mean CODEAGENT_SANDBOX", {"CODEAGENT_SANDBOXX": "docker"}),
    "group is no JSON": Row(fix("good"), USAGE, "Settings", {"CODEAGENT_LIMITS": "{"}),
    "data cannot be written": Row(fix("good"), USAGE, "", {"CODEAGENT_DATA_DIR": "/proc/nowhere"}),
    "data is a file": Row(fix("good"), USAGE, "", {"CODEAGENT_DATA_DIR": "/dev/null/data"}),
    # serve
    "serve without an App": Row(("serve",), USAGE, "CODEAGENT_WEBHOOK_SECRET"),
    "serve with a bad key": Row(("serve",), USAGE, "PEM", {"CODEAGENT_PRIVATE_KEY": "canary-key"}),
    "serve with a short secret": Row(
        ("serve",), USAGE, "at least 16", {"CODEAGENT_WEBHOOK_SECRET": "canary-short"}
    ),
    "serve with no file of settings": Row(("serve", "--env-file", "gone.env"), USAGE, "There is no file"),
    "serve with another's database": Row(
        ("serve",), USAGE, "postgresql://", {"CODEAGENT_DATABASE_URL": "x:y"}
    ),
    # the others
    "replay nothing": Row(("replay", "nowhere"), USAGE, "no journal"),
    "replay garbage": Row(("replay", "journal.jsonl"), USAGE, "journal"),
    "replay binary": Row(("replay", "binary.md"), USAGE, ""),
    "bench without a file": Row(("bench", "repo-cases", "gone.json"), USAGE, "gone.json"),
    "bench garbage": Row(("bench", "repo-cases", "cases.json"), USAGE, "cases.json"),
    "bench half a case": Row(("bench", "repo-cases", "one-case.json"), USAGE, "one-case.json"),
    "no such command": Row(("repair",), USAGE, "repair"),
}


def clear(ended: Ended, code: int, said: str) -> None:
    assert ended.code == code, ended.all
    assert "Traceback" not in ended.all
    assert said in ended.errors, ended.all
    assert "canary" not in ended.all
    assert ended.errors.strip(), "nothing was said"


def written(here: Path) -> dict[str, int]:
    """What lies there, but for the program's own data."""
    own = {"data", "bench-results"}
    found = (path for path in here.rglob("*") if path.relative_to(here).parts[0] not in own)
    return {str(path): path.lstat().st_mtime_ns for path in found}


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_bad_input(row: Row, here: Path, typist: Typist) -> None:
    before = written(here)
    ended = typist(*row.words, cwd=here, stdin=row.stdin, **{**BUBBLEWRAP, **row.variables})
    clear(ended, row.code, row.said)
    assert written(here) == before


GITHUB = {
    "CODEAGENT_APP_ID": "1",
    "CODEAGENT_WEBHOOK_SECRET": "canary-webhook-secret",
    "CODEAGENT_API_URL": "http://127.0.0.1:9/api/v3",
}


@pytest.fixture(scope="module")
def key() -> str:
    return key_pair(0)[0].replace("\n", "\\n")


@pytest.mark.parametrize(
    ("variables", "code", "said"),
    [
        (
            {"CODEAGENT_DATABASE_URL": "postgresql://u:canary-pass@127.0.0.1:9/x"},
            USAGE,
            "CODEAGENT_DATABASE_URL",
        ),
        ({"CODEAGENT_DATA_DIR": "/proc/nowhere"}, USAGE, "nowhere"),
        ({"CODEAGENT_HOST": "203.0.113.1"}, USAGE, "203.0.113.1"),
    ],
    ids=["no database", "no data directory", "not our address"],
)
def test_a_service_that_cannot_start(
    variables: dict[str, str], code: int, said: str, key: str, tmp_path: Path, typist: Typist
) -> None:
    settings = {
        **GITHUB,
        "CODEAGENT_PRIVATE_KEY": key,
        "CODEAGENT_PORT": str(free_port()),
        **BUBBLEWRAP,
        **variables,
    }
    ended = typist("serve", cwd=tmp_path, **settings)
    assert ended.code == code, ended.all
    assert said in ended.all
    assert "canary" not in ended.all
    assert "Traceback" not in ended.all


def test_a_port_that_is_taken(key: str, tmp_path: Path, typist: Typist) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = {
            **GITHUB,
            "CODEAGENT_PRIVATE_KEY": key,
            "CODEAGENT_PORT": str(taken.getsockname()[1]),
            **BUBBLEWRAP,
        }
        ended = typist("serve", cwd=tmp_path, **settings)
    assert ended.code == USAGE, ended.all
    assert "address already in use" in ended.all.lower()
    assert "Traceback" not in ended.all
