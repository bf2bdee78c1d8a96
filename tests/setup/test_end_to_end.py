"""From nothing to the first answered issue, as docs/getting-started.md says it, with GitHub doubled.

The set-up and the service are real processes; the person with the browser is played.
"""

from __future__ import annotations

import json
import queue
import re
import shlex
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import httpx
import pytest

from bot.cli.setup import set_up_first
from bot.settings import Settings
from tests.acceptance.support import ROOT, Asked, free_port, plain_environment, until
from tests.double.faults import LOSSY
from tests.double.server import GitHubDouble
from tests.setup.smee import relaying
from tests.setup.support import forms

OWNER = "acme"
REPOSITORY = f"{OWNER}/empty"


@contextmanager
def running(
    words: list[str], place: Path, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """``python -m bot`` with what it has said so far."""
    said: list[str] = []
    own = {"PYTHONPATH": str(ROOT), "COLUMNS": "300", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        (sys.executable, "-m", "bot", *words),
        cwd=place,
        env={**plain_environment(), **own, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = process.stdout
    reader = threading.Thread(target=lambda: said.extend(iter(lines.readline, "")))
    reader.start()
    try:
        yield process, said
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        reader.join(10)
        lines.close()


def printed(said: list[str], pattern: str) -> str:
    """Wait for it."""
    found: queue.SimpleQueue[str] = queue.SimpleQueue()

    def look() -> bool:
        match = re.search(pattern, "".join(said))
        if match:
            found.put(match[1])
        return match is not None

    until(look, lambda: f"{pattern} in {said}", seconds=60)
    return found.get()


def click_through(address: str, github: GitHubDouble) -> str:
    """What the person does in the browser; where the App is installed."""
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(address)
        assert page.status_code == 200, page.text
        (form,) = (each for each in forms(page.text) if each.method == "post")
        assert form.action.startswith(github.site)
        done = browser.post(form.action, data=form.fields)
        assert done.status_code == 200, done.text
        install = re.search(r'href="([^"]+/installations/new)"', done.text)
        assert install is not None
        return install[1]


def ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=5):
            return True
    except OSError:
        return False


def answered(github: GitHubDouble, number: int) -> bool:
    return any(check.body for check in github.comments(REPOSITORY, number))


@pytest.mark.bubblewrap
@pytest.mark.slow
def test_from_nothing_to_the_first_answered_issue(github: GitHubDouble, tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    url = f"http://127.0.0.1:{port}"
    words = ["setup", "--public-url", url, "--github-url", github.site, "--name", "Fix it"]
    with running(words, tmp_path, CODEAGENT_DATA_DIR=str(data)) as (process, said):
        address = printed(said, r"(http://127\.0\.0\.1:\d+/setup\?secret=\S+)")
        assert click_through(address, github) == f"{github.site}/apps/fix-it/installations/new"
        process.wait(30)
        command = printed(said, r"then: +codeagent (.+)")
    assert process.returncode == 0, said
    with pytest.raises(URLError):
        urlopen(address, timeout=5)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()} == {
        "app.pem": 0o600,
        "app.env": 0o600,
    }

    # A second set-up leaves the first one's keys alone.
    with running(words, tmp_path, CODEAGENT_DATA_DIR=str(data)) as (process, said):
        process.wait(60)
    assert process.returncode == 2
    assert "--force" in "".join(said)

    # The person installs the App, somebody labels an issue while the service is not up yet.
    (app,) = github.world.apps.values()
    github.create_repository(REPOSITORY, files={"README.md": "nothing to run\n"}, roles={"alice": "write"})
    github.install(app.id, OWNER)
    number = github.create_issue(REPOSITORY, "It breaks", "`f(1)` returns `2`, I expect `3`.", author="bob")
    delivery = github.label_issue(REPOSITORY, number, "codeagent", actor="alice")
    assert delivery.status_code == 0, "nobody is there"

    # A fifth of all requests fails from here on; what is delivered twice is still worked on once.
    github.faults.at_random(0.2, 1, *LOSSY)
    serve = [*shlex.split(command), "--port", str(port), "--sandbox", "bubblewrap"]
    with running(serve, tmp_path, TMPDIR=str(tmp_path)) as (process, said):
        until(lambda: ready(url) or process.poll() is not None, lambda: f"readiness: {said}", seconds=60)
        with httpx.Client() as browser:
            assert browser.get(f"{url}/setup").status_code == 404
        until(lambda: answered(github, number), lambda: f"an answer: {said[-30:]}", seconds=120)
        again = [each for each in github.world.deliveries if each.redelivery]
        assert {(each.guid, each.status_code) for each in again} == {(delivery.guid, 202)}
        Asked(github=github, repository=REPOSITORY, number=number, delivery=delivery).finished()
        github.faults.clear()
        assert len(github.comments(REPOSITORY, number)) == 1
        assert app.webhook_secret not in "".join(said)

        env = str(data / "app.env")
        with running(["doctor", "--json", "--env-file", env, "--sandbox", "bubblewrap"], tmp_path) as (
            asked,
            found,
        ):
            asked.wait(60)
        assert asked.returncode == 0, found
        assert {row["check"] for row in json.loads("".join(found)) if row["level"] != "ok"} == {"model"}
    assert process.returncode in (0, -15), said[-20:]


@pytest.mark.bubblewrap
@pytest.mark.slow
def test_behind_a_relay_a_service_without_an_app_is_set_up_and_goes_on(
    github: GitHubDouble, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with relaying() as relay:
        settings = {
            "CODEAGENT_DATA_DIR": str(tmp_path / "data"),
            "CODEAGENT_API_URL": github.api_url,
            "CODEAGENT_RELAY_URL": relay.channel,
            "CODEAGENT_HOST": "0.0.0.0",  # the set-up listens on the loopback interface all the same
            "TMPDIR": str(tmp_path),
        }
        words = ["serve", "--setup", "--port", str(port), "--sandbox", "bubblewrap"]
        with running(words, tmp_path, **settings) as (process, said):
            address = printed(said, rf"({url}/setup\?secret=\S+)")
            assert listening(port) == {"127.0.0.1"}
            click_through(address, github)
            until(lambda: ready(url) or process.poll() is not None, lambda: f"readiness: {said}", seconds=60)
            with httpx.Client() as browser:
                assert browser.get(f"{url}/setup").status_code == 404
            until(lambda: relay.listeners, lambda: f"a listener: {said}", seconds=60)

            (app,) = github.world.apps.values()
            assert app.webhook_url == relay.channel
            github.create_repository(REPOSITORY, files={"README.md": "-\n"}, roles={"alice": "write"})
            github.install(app.id, OWNER)
            number = github.create_issue(REPOSITORY, "It breaks — really", "`f(1)` is `2`.", author="bob")
            assert github.label_issue(REPOSITORY, number, "codeagent", actor="alice").status_code == 200
            until(lambda: answered(github, number), lambda: f"an answer: {said[-30:]}", seconds=120)
            assert relay.channel not in "".join(said)
    # With the keys of an earlier time there is nothing to set up.
    assert set_up_first(Settings(data_dir=tmp_path / "data"), port) == tmp_path / "data" / "app.env"


def listening(port: int) -> set[str]:
    """The addresses that a port is listened on (IPv4)."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    found = set()
    for row in rows:
        host, _, number = row[1].partition(":")
        if row[3] == "0A" and int(number, 16) == port:
            found.add(".".join(str(int(host[at : at + 2], 16)) for at in (6, 4, 2, 0)))
    return found
