"""Issue 2, "must be shown" no. 5: the operator's secrets and GitHub's tokens stay where they belong (threats
8, 10, 11). A repository's code looks for them from inside while the test looks at everything outside."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.canaries import Canaries, Needle, Sample, found_in, searched, tokens, unpacked
from tests.acceptance.hostile import Trap, hostile_files
from tests.acceptance.support import Asked, Service, remove, running_service
from tests.double.server import GitHubDouble

pytestmark = [pytest.mark.network, pytest.mark.slow]


def needles_of(canaries: Canaries, service: Service) -> tuple[Needle, ...]:
    """Every secret of this service, with every token that the double has given so far."""
    found = (*canaries.known(service.app.private_key), *tokens(service.github.world.tokens))
    assert len(found) > 12
    return found


def published(asked: Asked) -> str:
    """All that GitHub shows of a run, and all that the bot sent for it."""
    github, repository = asked.github, asked.repository
    shown = [*asked.comments, *asked.pulls, *asked.checks]
    sent = [each.body for each in github.requests_to("*", "") if each.method != "GET"]
    git = github.repository(repository).git
    history = git.text("log", "--all", "--patch", "--format=raw")
    return "\n".join([*map(str, shown), *map(str, sent), history])


def no_loot(text: str) -> None:
    """The spy ran, and met nothing that looks like a secret. (Its source is part of the text as well.)"""
    assert "ENVIRON PATH=" in text, "the spy did not run"
    assert re.findall(r"FOUND (?!%s).*", text) == []
    assert re.findall(r".*: GOT \[.*", text) == []


@pytest.mark.bubblewrap
def test_the_sandbox_holds_no_secret(
    spied: tuple[Asked, Sample], service: Service, canaries: Canaries
) -> None:
    asked, _ = spied
    text = unpacked(service.journals(asked.job))
    no_loot(text)
    assert found_in(text.encode(), needles_of(canaries, service)) == []


@pytest.mark.bubblewrap
def test_nothing_that_is_published_holds_one(
    spied: tuple[Asked, Sample], service: Service, canaries: Canaries
) -> None:
    asked, _ = spied
    assert found_in(published(asked).encode(), needles_of(canaries, service)) == []
    journal = service.page(asked.job, "/journal")
    assert "LOOT-END" in unpacked(journal)
    run = service.page(asked.job) + journal + unpacked(journal)
    assert found_in(run.encode(), needles_of(canaries, service)) == []


@pytest.mark.bubblewrap
def test_no_file_holds_one(spied: tuple[Asked, Sample], service: Service, canaries: Canaries) -> None:
    """Log, journals, database, checkouts, environments, temporary files; also those that existed for a
    while."""
    _, sample = spied
    needles = needles_of(canaries, service)
    assert searched(service.place, needles) == {}
    assert any(path.name.endswith(".sqlite") for path in service.data.iterdir())
    assert any(path.endswith("repository.git.partial/config") for path, _ in sample.files), (
        "no clone was seen"
    )
    assert {path for path, content in sample.files if found_in(content, needles)} == set()


@pytest.mark.bubblewrap
def test_no_process_shows_one(spied: tuple[Asked, Sample], service: Service, canaries: Canaries) -> None:
    """Nobody's arguments hold any, and no child's environment holds the operator's: git alone is given a
    token, for one repository, in a variable."""
    _, sample = spied
    needles = needles_of(canaries, service)
    assert any(b"fetch" in line for line in sample.arguments), "no git was seen"
    assert any(b"bwrap" in line or b"runner" in line for line, _ in sample.variables), "no sandbox was seen"
    assert [line for line in sample.arguments if found_in(line, needles)] == []
    own = Path("/proc", str(service.process.pid), "cmdline").read_bytes()
    told = {
        (name, line.replace(b"\0", b" ")[:200])
        for line, variables in sample.variables
        for name in found_in(variables, needles)
        if line != own  # a child that is not yet the program that it is about to be
    }
    assert {each for each in told if not each[0].startswith("token")} == set()
    assert {line for _, line in told if not re.match(rb"(\S*/)?git(-remote-http)? ", line)} == set()


@contextmanager
def inspecting() -> Iterator[dict[str, str]]:
    """``docker inspect`` of every container of the bot's that exists for a while."""
    found: dict[str, str] = {}
    over = threading.Event()

    def docker(*words: str) -> str:
        return subprocess.run(("docker", *words), capture_output=True, text=True, check=False).stdout

    def watch() -> None:
        while not over.wait(0.2):
            for name in docker(
                "ps", "--all", "--format", "{{.Names}}", "--filter", "name=codeagent-"
            ).split():
                if name not in found and (text := docker("inspect", name)) and json.loads(text):
                    found[name] = text

    thread = threading.Thread(target=watch, name="inspect")
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@pytest.mark.docker
def test_containers_hold_none(place: Path, canaries: Canaries, host: Trap) -> None:
    home = place / "docker"
    home.mkdir()
    variables = {
        **canaries.variables,
        "CODEAGENT_SANDBOX": "docker",
        "CODEAGENT_LIMITS__DISK_MIB": "96",
        "CODEAGENT_BUDGET__SECONDS": "150",
    }
    with (
        GitHubDouble(place / "github-docker") as github,
        running_service(home, github, variables, webhook_secret=canaries.webhook_secret) as service,
        inspecting() as containers,
    ):
        asked = service.ask(service.repository("contained", hostile_files(host))).finished()
        needles = needles_of(canaries, service)
        text = unpacked(service.journals(asked.job))
    assert containers, "no container was seen"
    assert [name for name, inspected in containers.items() if found_in(inspected.encode(), needles)] == []
    assert len(asked.pulls) == 1, asked.comment
    no_loot(text)
    assert found_in(text.encode(), needles) == []
    assert searched(home, needles) == {}
    host.is_untouched()
    github.check()
    remove(home)
