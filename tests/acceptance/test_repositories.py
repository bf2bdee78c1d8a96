"""Issue 2, "must be shown" no. 7: bad repositories and bad configuration. Each gets one clear answer on its
issue; nothing is lost and nobody sees a stack trace."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.support import ISSUE, Asked, Service, codeagent, until, with_files
from tests.checkout.support import PLAIN

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]

CONFIG = ".github/codeagent.yml"
UNUSABLE = "I could not read this repository's configuration"
UNRUNNABLE = "I could not run this repository's tests"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@dataclass(frozen=True, slots=True)
class Row:
    """A repository and what its issue is told in the end. ``files`` None: no commit at all. ``solved`` None:
    depends on how fast this machine is."""

    name: str
    files: dict[str, str | bytes] | None
    said: tuple[str, ...]
    solved: bool | None = False


def configured(text: str | bytes) -> dict[str, str | bytes]:
    return with_files({CONFIG: text})


WITHOUT_TESTS = {"tests/test_links.py": None, "tests/test_pages.py": None, "pyproject.toml": None}
BROKEN = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
ENDLESS = "import time\n\ndef test_endless():\n    while True:\n        time.sleep(1)\n"

ROWS = (
    Row("config-garbage", configured(b"\xff\xfe\x00 {{{"), (UNUSABLE, "UTF-8")),
    Row("config-not-yaml", configured("draft: [1, 2\nlabel: }"), (UNUSABLE, "not YAML")),
    Row("config-bomb", configured(BOMB), (UNUSABLE, "aliases")),
    Row("config-deep", configured("[" * 8_000), (UNUSABLE, "nested too deeply")),
    Row("config-long", configured("# " + "x" * 70_000), (UNUSABLE, "Shorten it")),
    Row(
        "config-types",
        configured("budget: {seconds: soon}\nlimits: 7\n"),
        (UNUSABLE, "budget.seconds", "limits"),
    ),
    Row(
        "config-unknown",
        configured("run_as: root\nenvironment: {A: b}\n"),
        (UNUSABLE, "run_as", "environment"),
    ),
    Row("config-python", configured("label: !!python/object/apply:os.system [id]\n"), (UNUSABLE,)),
    Row("config-off", configured("enabled: false\n"), ("switched me off",)),
    Row("no-commit", None, (UNRUNNABLE, "no commit on its default branch")),
    Row("no-python", {"README.md": "# Nothing\n"}, (UNRUNNABLE, "Only Python repositories")),
    Row("no-tests", with_files(WITHOUT_TESTS), (UNRUNNABLE,)),
    # Its tests need neither a build nor what cannot be installed, so they are run without.
    Row(
        "broken-setup",
        with_files({"pyproject.toml": BROKEN, "setup.py": "raise SystemExit('no compiler here')\n"}),
        ("opened a pull request",),
        solved=True,
    ),
    Row(
        "endless-build",
        with_files(
            {
                "pyproject.toml": BROKEN,
                "setup.py": "import time\ntime.sleep(10_000)\n",
                CONFIG: "budget: {seconds: 15}\n",
            }
        ),
        (),
        solved=None,
    ),
    Row(
        "impossible-dependency",
        with_files({"pyproject.toml": None, "requirements.txt": "six==99999\n"}),
        ("opened a pull request",),
        solved=True,
    ),
    Row(
        "endless-test",
        with_files(
            {"tests/test_endless.py": ENDLESS, CONFIG: "limits: {seconds: 1}\nbudget: {seconds: 60}\n"}
        ),
        (),
        solved=None,
    ),
    Row(
        "broken-import",
        with_files({"conftest.py": "raise RuntimeError('broken on purpose')\n"}),
        ("no test ran",),
    ),
    Row(
        "non-utf8",
        with_files(
            {
                "src/pager/latin.py": b"# -*- coding: latin-1 -*-\nNAME = '\xe9'\n",
                "src/pager/broken.py": b"NAME = '\xe9\xff'\n",
                "data/n\u00e4me \u2603 'x' $(id).bin": b"\x00\xff" * 100,
                CONFIG: "budget: {iterations: 1000000, seconds: 1000000000}\nlimits: {seconds: 1000000000}\n",
            }
        ),
        ("opened a pull request",),
        solved=True,
    ),
)


@pytest.fixture(scope="module")
def asked(service: Service) -> dict[str, Asked]:
    """All at once; every row waits for its own."""
    return {row.name: service.ask(service.repository(row.name, row.files)) for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_one_clear_answer(row: Row, asked: dict[str, Asked], service: Service) -> None:
    mine = asked[row.name]
    if row.said:
        mine.answered(*row.said)
    else:
        mine.finished()
    assert "Traceback (most recent call last)" not in mine.comment
    assert "internal error" not in mine.comment
    assert str(service.place) not in mine.comment
    assert len(mine.comments) == 1
    if row.solved is not None:
        assert len(mine.pulls) == int(row.solved)
    assert mine.job in service.page(mine.job)


def test_a_repository_cannot_loosen(asked: dict[str, Asked], service: Service) -> None:
    """It asked for a million iterations and for thirty years; the run is bound to the operator's caps."""
    mine = asked["non-utf8"].finished()
    settings = next(line for line in service.journals(mine.job).splitlines() if '"effect":"settings"' in line)
    assert '"max_seconds":150.0' in settings
    assert "1000000" not in settings.partition('"answer"')[2].partition('"task"')[0]


def test_nothing_was_swallowed(asked: dict[str, Asked], service: Service) -> None:
    """None of it broke the service: no attempt failed, and every job came to an end that is written down."""
    for name, mine in asked.items():
        until(lambda: service.state(mine.job) not in {"queued", "running"}, lambda: f"the end of {name}")  # noqa: B023
        assert service.state(mine.job) == "done", name
    assert "job broke" not in service.logged()


def test_a_hundred_thousand_files(place: Path, service: Service) -> None:
    """One clear answer and no more than the run's time cap, whatever it is."""
    work = place / "huge"
    work.mkdir()
    subprocess.run(("git", "init", "--quiet", "-b", "main", str(work)), check=True)
    subprocess.run(
        ("git", "-C", str(work), "fast-import", "--quiet"),
        input=_stream(100_000),
        env={**PLAIN, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        check=True,
    )
    ended = codeagent(
        *("fix", str(work), "--issue", "\n\n".join(ISSUE), "--out", str(place / "huge-out")),
        *("--seconds", "60", "--sandbox", "bubblewrap"),
        cwd=place,
        data=service.data,
    )
    assert ended.code in {0, 1, 3}, ended.all
    assert "Traceback" not in ended.all
    assert (place / "huge-out" / "journal.jsonl").exists()


def _stream(count: int) -> bytes:
    """For git fast-import: the demo's package, and so many small files beside it."""
    rows = [b"blob\nmark :1\ndata 6\nx = 1\n\n"]
    files = sorted(with_files().items())
    for number, (_, content) in enumerate(files, 2):
        data = content.encode() if isinstance(content, str) else content
        rows.append(b"blob\nmark :%d\ndata %d\n%s\n" % (number, len(data), data))
    rows.append(b"commit refs/heads/main\ncommitter a <a@example.org> 1700000000 +0000\ndata 4\nmany\n")
    rows += [f"M 100644 :{number} {path}\n".encode() for number, (path, _) in enumerate(files, 2)]
    rows += [b"M 100644 :1 data/%03d/f%05d.txt\n" % (number % 1000, number) for number in range(count)]
    return b"".join(rows) + b"\n"
