"""``make demo``: the main job on this machine, with a local GitHub double in the place of GitHub.

Starts the double and the service, posts a signed ``issues.labeled`` delivery, shows what happens, prints what
a reviewer would see. Exits 0 only if the pull request is open on the double and a replay of the run's journal
says that every gate passed. Leaves nothing running and nothing behind, unless told to ``--keep``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.syntax import Syntax

from agent.replay import replay
from agent.types import Solved
from bot import engine
from tests.double.server import GitHubDouble

HERE = Path(__file__).parent
REPOSITORY = "acme/pager"
LABEL = "codeagent"
PATIENCE = 600.0
console = Console()


class DemoFailed(Exception):
    """The demo did not end with a proven pull request; the message says what was seen instead."""


def main() -> int:
    options = argparse.ArgumentParser(prog="make demo", description=__doc__)
    options.add_argument("--keep", action="store_true", help="keep everything running and on disk")
    chosen = options.parse_args()
    place = Path(tempfile.mkdtemp(prefix="codeagent-demo-"))
    place.chmod(0o755)  # sandboxes run under another user id
    try:
        with GitHubDouble(place / "github") as github:
            _demo(github, place, keep=chosen.keep)
    except DemoFailed as error:
        console.print(f"[red]The demo failed[/]: {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not chosen.keep:
            shutil.rmtree(place)
    return 0


def _demo(github: GitHubDouble, place: Path, *, keep: bool) -> None:
    port = _free_port()
    service_url = f"http://127.0.0.1:{port}"
    github.create_repository(
        REPOSITORY, directory=HERE / "repository", roles={"alice": "maintain", "bob": "read"}
    )
    app = github.install_app([REPOSITORY], webhook_url=f"{service_url}/webhook")
    _say(f"GitHub double at {github.site}, App installed on {REPOSITORY}")
    title, _, body = (HERE / "issue.md").read_text().partition("\n")
    with _service(place, port, github, app) as log:
        _wait_until_ready(service_url, log)
        _say(f"service at {service_url}")
        number = github.create_issue(REPOSITORY, title.lstrip("# "), body.strip(), author="bob")
        started = time.monotonic()
        delivery = github.label_issue(REPOSITORY, number, LABEL, actor="alice")
        if delivery.status_code != 202:
            raise DemoFailed(
                f"the delivery was answered with {delivery.status_code}: {delivery.response_body}"
            )
        _say(f"alice put the label {LABEL!r} on issue {number}: {title.lstrip('# ')}")
        _watch(github, number, log)
        _say(f"done {time.monotonic() - started:.0f} s after the label")
        _show(github, place)
        if keep:
            _wait_for_interrupt(github, service_url, place)


@contextlib.contextmanager
def _service(place: Path, port: int, github: GitHubDouble, app: Any) -> Iterator[Path]:
    key = place / "app.pem"
    key.touch(mode=0o600)
    key.write_text(app.private_key)
    own = {name: value for name, value in os.environ.items() if not name.startswith("CODEAGENT_")}
    settings = {
        "CODEAGENT_APP_ID": str(app.app_id),
        "CODEAGENT_PRIVATE_KEY_PATH": str(key),
        "CODEAGENT_WEBHOOK_SECRET": app.webhook_secret,
        "CODEAGENT_API_URL": github.api_url,
        "CODEAGENT_WEB_URL": github.site,
        "CODEAGENT_DATA_DIR": str(place / "data"),
        "CODEAGENT_PORT": str(port),
        "CODEAGENT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "CODEAGENT_SANDBOX": os.environ.get("CODEAGENT_SANDBOX", "auto"),
    }
    log = place / "service.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            (sys.executable, "-m", "bot", "serve"), env={**own, **settings}, stdout=sink, stderr=sink
        )
    try:
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise DemoFailed(f"the service did not get ready:\n{_tail(log)}")


def _watch(github: GitHubDouble, number: int, log: Path) -> None:
    """Show the phases as the issue's one comment tells them, until the check run is completed."""
    deadline = time.monotonic() + PATIENCE
    shown = ""
    with console.status("waiting for the bot's comment") as status:
        while time.monotonic() < deadline:
            now = next(
                (
                    line
                    for c in github.comments(REPOSITORY, number)
                    for line in c.body.splitlines()
                    if line.startswith("Now: ")
                ),
                "",
            )
            if now and now != shown:
                shown = now
                _say(now.removeprefix("Now: "))
                status.update(now)
            if any(check.status == "completed" for check in github.check_runs(REPOSITORY)):
                return
            time.sleep(0.2)
    raise DemoFailed(f"nothing came of it in {PATIENCE:.0f} s:\n{_tail(log)}")


def _show(github: GitHubDouble, place: Path) -> None:
    """What a reviewer sees; raises DemoFailed unless it is one open pull request that passed its gates."""
    pulls = github.pulls(REPOSITORY)
    if len(pulls) != 1:
        comments = "\n".join(c.body for n in (1,) for c in github.comments(REPOSITORY, n))
        raise DemoFailed(f"{len(pulls)} pull requests are open, not one; the issue says:\n{comments}")
    pull = pulls[0]
    git = github.repository(REPOSITORY).git
    console.print(
        Panel(f"[bold]{pull.title}[/]\n{github.site}/{REPOSITORY}/pull/{pull.number}", expand=False)
    )
    console.print(Markdown(pull.body))
    console.print(
        Syntax(git.diff(git.tip("main"), git.tip(pull.pull.head)), "diff", background_color="default")
    )
    (journal,) = (place / "data" / "runs").glob("*/journal.jsonl")
    outcome = replay(journal, engine.offline_services())
    if not isinstance(outcome, Solved):
        raise DemoFailed(f"a replay of the journal says {outcome.stop.value!r}, not solved")
    failed = [gate.name for gate in outcome.proof.gates if not gate.passed]
    if failed:
        raise DemoFailed(f"the pull request is open although gates failed: {', '.join(failed)}")
    github.check()
    _say(f"replayed from its journal to the same result; all {len(outcome.proof.gates)} gates passed")


def _wait_for_interrupt(github: GitHubDouble, service_url: str, place: Path) -> None:
    (run,) = (path.parent.name for path in (place / "data" / "runs").glob("*/journal.jsonl"))
    _say(f"kept: {place}")
    _say(f"the run: {service_url}/runs/{run}")
    _say(f"clone it: git clone {github.git_url(REPOSITORY)} (user x-access-token, any token of the double)")
    _say("Ctrl-C ends the service and the double; the directory stays")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}", highlight=False)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])


if __name__ == "__main__":
    sys.exit(main())
