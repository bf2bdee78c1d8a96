"""The real service as an operator runs it (``python -m bot serve``), against the GitHub double, and
``python -m bot`` as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tests.double.server import Credentials, GitHubDouble
from tests.double.state import CheckRun, Comment, Delivery, Issue

ROOT = Path(__file__).resolve().parent.parent.parent
PAGER = ROOT / "tests" / "demo" / "repository"
LABEL = "codeagent"
PATIENCE = 240.0  # seconds until a test gives up; nothing is said about how long it takes
OWNER = "acme"

ISSUE = (
    "clamp_page returns pages that do not exist",
    "A crawler asks my site for `?page=-3`, and the answer is a page with nothing on it.\n\n"
    "`clamp_page(-3, 10)` returns `-3`, I expect `1`. "
    "The same for `clamp_page(0, 10)`: it should be `1` too.\n",
)


def with_files(changes: Mapping[str, str | bytes | None] = MappingProxyType({})) -> dict[str, str | bytes]:
    """The demo's repository, a small package with one bug, with files added, replaced or (None) taken
    away."""
    found: dict[str, str | bytes | None] = {
        path.relative_to(PAGER).as_posix(): path.read_bytes()
        for path in sorted(PAGER.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return {path: content for path, content in {**found, **changes}.items() if content is not None}


def until(true: Callable[[], object], what: Callable[[], str], *, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what()}")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def plain_environment() -> dict[str, str]:
    """This process's, without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CODEAGENT_")}


# --- The service --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An issue that got the label, and what has come of it."""

    github: GitHubDouble
    repository: str
    number: int
    delivery: Delivery

    @property
    def job(self) -> str:
        assert self.delivery.status_code == 202, self.delivery.response_body
        return str(self.delivery_answer["job"])

    @property
    def delivery_answer(self) -> dict[str, object]:
        return answer_of(self.delivery)

    @property
    def comments(self) -> list[Comment]:
        return self.github.comments(self.repository, self.number)

    @property
    def checks(self) -> list[CheckRun]:
        return self.github.check_runs(self.repository)

    @property
    def pulls(self) -> list[Issue]:
        return self.github.pulls(self.repository)

    @property
    def comment(self) -> str:
        """The one comment's text."""
        (only,) = self.comments
        return only.body

    def is_over(self) -> bool:
        return any(check.status == "completed" for check in self.checks)

    def finished(self) -> Asked:
        """Wait until the check run is completed."""
        until(self.is_over, lambda: f"the check run of {self.repository}; comments: {self._said()}")
        return self

    def answered(self, *words: str) -> Asked:
        """Wait until the one comment has these words."""
        until(
            lambda: any(all(word in c.body for word in words) for c in self.comments),
            lambda: f"an answer with {words} in {self.repository}; comments: {self._said()}",
        )
        return self

    def _said(self) -> list[str]:
        return [comment.body for comment in self.comments]


def answer_of(delivery: Delivery) -> dict[str, object]:
    found: dict[str, object] = json.loads(delivery.response_body)
    return found


@dataclass(kw_only=True)
class Service:
    """A running service and the double that it works with."""

    github: GitHubDouble
    app: Credentials
    place: Path
    port: int
    variables: Mapping[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def log(self) -> Path:
        return self.place / "service.log"

    def run_directory(self, job: str) -> Path:
        return self.data / "runs" / job

    def journals(self, job: str) -> str:
        """Both journals of a job as text."""
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.run_directory(job).glob("*.jsonl"))
        )

    def repository(self, name: str, files: Mapping[str, str | bytes | None] | None) -> str:
        """A new repository on the double; None: with no commit."""
        full = f"{OWNER}/{name}"
        self.github.create_repository(full, files=files, roles={"alice": "maintain", "bob": "read"})
        return full

    def ask(self, repository: str, issue: tuple[str, str] = ISSUE, *, guid: str | None = None) -> Asked:
        """An issue that bob writes and alice labels."""
        number = self.github.create_issue(repository, *issue, author="bob")
        delivery = self.github.label_issue(repository, number, LABEL, actor="alice", guid=guid)
        return Asked(github=self.github, repository=repository, number=number, delivery=delivery)

    def page(self, job: str, part: str = "") -> str:
        """What the run's page says."""
        with urllib.request.urlopen(f"{self.url}/runs/{job}{part}", timeout=10) as answer:
            text: bytes = answer.read()
        return text.decode()

    def state(self, job: str) -> str:
        return self.page(job).partition("<dt>State</dt><dd>")[2].partition("<")[0]

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    # --- as a process ---

    def start(self) -> None:
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "bot", "serve"),
                cwd=ROOT,
                env={**plain_environment(), **self.variables},
                stdout=sink,
                stderr=sink,
            )
        until(self._ready, lambda: f"the service to get ready:\n{self.logged()[-4000:]}", seconds=120)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _ready(self) -> bool:
        assert self.process.poll() is None, f"the service ended:\n{self.logged()[-4000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running_service(
    place: Path, github: GitHubDouble, variables: Mapping[str, str], *, webhook_secret: str
) -> Iterator[Service]:
    """``place`` is an empty directory that other users may enter: sandboxes run under another user id."""
    port = free_port()
    github.user(OWNER)
    app = github.install_app(
        None, account=OWNER, webhook_url=f"http://127.0.0.1:{port}/webhook", webhook_secret=webhook_secret
    )
    scratch = place / "tmp"
    scratch.mkdir()
    scratch.chmod(0o755)
    settings = {
        "CODEAGENT_APP_ID": str(app.app_id),
        "CODEAGENT_PRIVATE_KEY": app.private_key.replace("\n", "\\n"),
        "CODEAGENT_WEBHOOK_SECRET": app.webhook_secret,
        "CODEAGENT_API_URL": github.api_url,
        "CODEAGENT_WEB_URL": github.site,
        "CODEAGENT_DATA_DIR": str(place / "data"),
        "CODEAGENT_PORT": str(port),
        "CODEAGENT_LOG_LEVEL": "debug",
        "TMPDIR": str(scratch),  # so that what it leaves there can be looked at
    }
    service = Service(
        github=github, app=app, place=place, port=port, variables={**settings, **dict(variables)}
    )
    service.start()
    try:
        yield service
    finally:
        service.stop()


# --- The command line ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Ended:
    code: int
    out: str
    errors: str

    @property
    def all(self) -> str:
        return self.out + self.errors


def settings_for(cwd: Path, data: Path | None, variables: Mapping[str, str]) -> dict[str, str]:
    own = {"CODEAGENT_DATA_DIR": str(data or cwd / "data"), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return {**plain_environment(), **own, **variables}


def codeagent(*words: str, cwd: Path, data: Path | None = None, **variables: str) -> Ended:
    """``python -m bot`` in a directory; ``variables`` come on top of the environment."""
    done = subprocess.run(
        (sys.executable, "-m", "bot", *words),
        cwd=cwd,
        env=settings_for(cwd, data, variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(
        code=done.returncode,
        out=done.stdout.decode(errors="replace"),
        errors=done.stderr.decode(errors="replace"),
    )


@dataclass(frozen=True, kw_only=True)
class Typist:
    """The same for many short commands: see ``typist.py``."""

    process: subprocess.Popen[str]
    desk: Path

    def __call__(self, *words: str, cwd: Path, stdin: bytes = b"", **variables: str) -> Ended:
        files = [self.desk / name for name in ("stdin", "stdout", "stderr")]
        files[0].write_bytes(stdin)
        order = {
            "words": words,
            "cwd": str(cwd),
            "env": settings_for(cwd, None, variables),
            "files": [str(file) for file in files],
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        code = self.process.stdout.readline()
        out, errors = (file.read_text(errors="replace") for file in files[1:])
        return Ended(code=int(code), out=out, errors=errors)


@contextmanager
def typing(desk: Path) -> Iterator[Typist]:
    """``desk`` is a directory for what goes in and comes out."""
    with subprocess.Popen(
        (sys.executable, "-m", "tests.acceptance.typist"),
        cwd=ROOT,
        env=plain_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Typist(process=process, desk=desk)
        assert process.stdin is not None
        process.stdin.close()


def remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
