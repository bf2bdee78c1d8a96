"""What counts in a job: the repository's file over its owner's defaults, under the operator's terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.config.asked import unwanted
from bot.config.keys import ChecksScope, Refused, RepoConfig, TriggersPart
from bot.config.terms import Terms
from bot.forge import RepositoryRef
from bot.names import names_for
from bot.ports import Ports
from bot.queue import Ending, FailedCheck, JobResult, Kind, TaskRequest
from bot.render.parts import RunFacts
from bot.run import Run
from bot.work.configured import declared, silent
from tests.workflow.fakes import REQUEST, World, ports

JOB = "0" * 32


class Journal:
    """Performs everything and keeps the kinds."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def effect(self, kind: str, request: Any, perform: Callable[[], Any]) -> Any:  # noqa: ARG002
        self.kinds.append(kind)
        return perform()

    def note(self, kind: str, body: Any) -> None:
        """Nothing is kept of it."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world.json")


def run_over(wired: Ports, request: TaskRequest = REQUEST) -> Run:
    facts = RunFacts(
        repository=request.repository,
        issue=request.issue,
        title=request.title,
        label=request.label,
        sender=request.sender,
        base_branch="main",
        base_sha="b" * 40,
        run_id=JOB,
    )
    return Run(
        job_id=JOB,
        request=request,
        facts=facts,
        names=names_for(request.repository_id, request.issue),
        ports=wired,
        forge=wired.forges.open(RepositoryRef(installation=1, repository_id=2, full_name="owner/name")),
        journal=Journal(),
        halted=lambda: None,
    )


def test_the_owners_defaults_lie_below_the_repositorys(tmp_path: Path, world: World) -> None:
    with world.change() as state:
        state["config"] = "draft: false\nprotected: [docs/*]\nbudget: {seconds: 50}"
    seen: list[RepositoryRef] = []

    def shared(beside: RepositoryRef) -> bytes:
        seen.append(beside)
        return b"draft: true\nprotected: [src/*]\nbudget: {seconds: 100, tokens: 5}\nlanguage: German"

    run = run_over(ports(tmp_path, world, organisation=shared))
    config = declared(run)
    assert isinstance(config, RepoConfig)
    assert (config.draft, config.language, config.budget.seconds, config.budget.tokens) == (
        True,
        "German",
        50,
        5,
    )
    assert not config.may_touch("docs/a")
    assert not config.may_touch("src/a")
    assert [each.full_name for each in seen] == [REQUEST.repository]
    assert run.journal.kinds == ["github.read_file", "github.organisation_file"]  # type: ignore[attr-defined]


BAD = [
    ("draft: maybe", None, ".github/codeagent.yml cannot be used", "line 1: draft: "),
    (None, "x: 1", "codeagent.yml in owner/.github cannot be used", "line 1: x: there is no such key"),
    ("\nimage: evil", None, "line 2: image: evil is none of the images", "remove the key"),
    (
        None,
        "\n\nmodel: gpt",
        "model: gpt is none of the models",
        "(line 3 of codeagent.yml in owner/",
    ),
]


@pytest.mark.parametrize(("own", "shared", "said", "more"), BAD)
def test_what_is_wrong_is_said_with_file_key_line_and_remedy(
    tmp_path: Path, world: World, own: str | None, shared: str | None, said: str, more: str
) -> None:
    with world.change() as state:
        state["config"] = own
    wired = ports(tmp_path, world, organisation=lambda _: shared.encode() if shared else None)
    result = declared(run_over(wired))
    assert isinstance(result, JobResult)
    assert result.ending is Ending.UNRUNNABLE
    (comment,) = world.read()["comments"]
    assert said in comment["body"]
    assert more in comment["body"]


def test_a_command_that_the_repository_does_not_want_is_answered(tmp_path: Path, world: World) -> None:
    with world.change() as state:
        state["config"] = "triggers: {commands: false}"
    result = declared(run_over(ports(tmp_path, world), replace(REQUEST, label="", comment=5)))
    assert isinstance(result, JobResult)
    assert result.ending is Ending.REFUSED
    assert "`triggers.commands`" in world.read()["comments"][0]["body"]


@pytest.mark.parametrize(
    ("config", "operator", "quiet"),
    [
        (None, Refused.POLITE, False),
        ("refused: silent", Refused.POLITE, True),
        ("refused: polite", Refused.POLITE, False),
        ("refused: polite", Refused.SILENT, True),
        ("enabled: false", Refused.POLITE, True),
        ("nonsense: 1", Refused.POLITE, True),
    ],
)
def test_who_is_refused_hears_of_it_only_where_both_want_it(
    tmp_path: Path, world: World, config: str | None, operator: Refused, quiet: bool
) -> None:
    with world.change() as state:
        state["config"] = config
    terms = Terms(ceiling=RepoConfig(refused=operator))
    assert silent(run_over(ports(tmp_path, world, terms=terms))) is quiet


OFF = TriggersPart(label=False, commands=False, assignment=False, review=False)


def checking(scope: ChecksScope) -> RepoConfig:
    return RepoConfig(triggers=TriggersPart(checks=scope))


LABEL: dict[str, Any] = {"label": "codeagent"}
COMMAND: dict[str, Any] = {"label": "", "comment": 7}
ASSIGNED: dict[str, Any] = {"label": ""}
PULL = {"label": "", "check": FailedCheck(pull=4, branch="main")}
BRANCH = {"label": "", "check": FailedCheck(branch="main")}
OTHER = {"label": "", "check": FailedCheck(branch="other")}

ASKED: list[tuple[Kind, dict[str, Any], RepoConfig, str]] = [
    (Kind.FIX, LABEL, RepoConfig(), ""),
    (Kind.FIX, {"label": "CodeAgent"}, RepoConfig(), ""),
    (Kind.FIX, LABEL, RepoConfig(label="fix"), "label"),
    (Kind.FIX, {"label": "fix"}, RepoConfig(), "label"),
    (Kind.FIX, {"label": "fix"}, RepoConfig(label="fix"), ""),
    (Kind.FIX, LABEL, RepoConfig(triggers=OFF), "triggers.label"),
    (Kind.FIX, COMMAND, RepoConfig(), ""),
    (Kind.FIX, COMMAND, RepoConfig(label="fix"), ""),
    (Kind.FIX, COMMAND, RepoConfig(triggers=OFF), "triggers.commands"),
    (Kind.EXPLAIN, COMMAND, RepoConfig(triggers=OFF), "triggers.commands"),
    (Kind.FIX, ASSIGNED, RepoConfig(), ""),
    (Kind.FIX, ASSIGNED, RepoConfig(triggers=OFF), "triggers.assignment"),
    (Kind.REVIEW, ASSIGNED, RepoConfig(), ""),
    (Kind.REVIEW, ASSIGNED, RepoConfig(triggers=OFF), "triggers.review"),
    (Kind.ERRAND, COMMAND, RepoConfig(triggers=OFF), ""),
    (Kind.CHECK, COMMAND, RepoConfig(), ""),
    (Kind.CHECK, COMMAND, RepoConfig(triggers=OFF), "triggers.commands"),
    (Kind.CHECK, LABEL, RepoConfig(), ""),
    *(
        (
            Kind.CHECK,
            how,
            RepoConfig(triggers=TriggersPart(checks=scope)),
            "" if wanted else "triggers.checks",
        )
        for scope, rows in {
            ChecksScope.OFF: (False, False, False),
            ChecksScope.DEFAULT_BRANCH: (False, True, False),
            ChecksScope.PULL_REQUESTS: (True, False, False),
            ChecksScope.ALL: (True, True, False),
        }.items()
        for how, wanted in zip((PULL, BRANCH, OTHER), rows, strict=True)
    ),
]


@pytest.mark.parametrize(("kind", "how", "config", "key"), ASKED)
def test_how_a_repository_may_be_asked(kind: Kind, how: dict[str, Any], config: RepoConfig, key: str) -> None:
    request = replace(REQUEST, kind=kind, **how)
    assert unwanted(config, request, label="codeagent", default_branch="main") == key
