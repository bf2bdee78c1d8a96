"""The engine for one repository: what it is given is never more than the operator's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.types import Component
from agent.method import Driver, Method
from agent.replay import NoSandboxes
from agent.run import Services
from agent.types import Budget, Task, Unrunnable
from bot.config.keys import RepoConfig
from bot.config.merge import THIRST
from bot.config.operator import terms_of
from bot.settings import Settings
from bot.tailored import Engine, Images, method, tailored, workbench
from sandbox import Limits, Sandboxes, SandboxUnavailable
from sandbox.environments import BuildFailed, Environment
from tests.config.strategies import CONFIGS
from tests.environments.scripted import ScriptedSandboxes, completed

MODELS = tuple((component, "usual") for component in Component)


@given(CONFIGS, st.sampled_from(Driver))
def test_no_more_of_a_model_than_the_operator_wants(config: RepoConfig, driver: Driver) -> None:
    ours = method(Method(driver=driver, models=MODELS if driver is not Driver.BUILT_IN else ()), config)
    assert THIRST[ours.driver] <= THIRST[driver]
    if ours.driver is not Driver.BUILT_IN:
        assert {name for _, name in ours.models} == {config.model or "usual"}
    assert replace(ours, driver=driver, models=(), language="") == Method(driver=driver)


@given(CONFIGS, st.floats(1, 1000), st.integers(64, 4096))
def test_no_more_time_and_memory(config: RepoConfig, seconds: float, memory: int) -> None:
    usual = ScriptedSandboxes(lambda _command, _overlay: completed())
    limits = Limits(seconds=seconds, memory_mib=memory)
    operators = Services(
        sandboxes=usual, cache=Path("x"), limits=limits, suite_limits=replace(limits, seconds=seconds * 8)
    )
    ours = tailored(operators, config, usual)
    assert ours.limits.seconds <= seconds
    assert ours.suite_limits.seconds <= operators.suite_limits.seconds
    assert max(ours.limits.memory_mib, ours.suite_limits.memory_mib) <= memory
    assert ours.limits.processes == limits.processes


def test_set_up_and_python_reach_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    asked: list[tuple[str, ...]] = []

    def answer(command, overlay):  # type: ignore[no-untyped-def]  # noqa: ARG001
        asked.append(command.argv)
        version = "3.12.1" if "python3.12" in command.argv[0] else "3.11.2"
        return completed(3 if command.argv[0] == "sh" else 0, out=version)

    services = Services(sandboxes=ScriptedSandboxes(answer), cache=tmp_path / "cache")
    config = RepoConfig(setup=("make data",), python="3.12")
    task = Task(repository="a/b", base="0" * 40, title="", text="")
    prepared = workbench(task, tmp_path, services, config, Budget(), lambda: False).prepare(
        lambda *_words, **_numbers: None
    )
    assert isinstance(prepared, BuildFailed)
    assert not isinstance(prepared, Environment)
    assert "set-up command" in prepared.reason
    assert ("python3.12", "-m", "venv", "/env") in asked
    assert asked[-1][-1] == "make data"


def test_images_are_opened_once_and_only_when_asked_for() -> None:
    opened: list[str] = []

    def open_image(image: str) -> Sandboxes:
        opened.append(image)
        return ScriptedSandboxes(lambda _command, _overlay: completed(), identity=image)

    usual = ScriptedSandboxes(lambda _command, _overlay: completed())
    images = Images(Settings(image="usual"), usual, open_image)
    assert images.of(None) is images.of("usual") is usual
    assert images.of("other") is images.of("other")
    assert images.of("other").identity == "other"
    assert opened == ["other"]


def test_an_image_that_is_gone_is_an_answer(tmp_path: Path) -> None:
    def open_image(image: str) -> Sandboxes:
        raise SandboxUnavailable(f"there is no image {image}; type: docker pull {image}")

    engine = Engine(Settings(), Services(sandboxes=NoSandboxes(), cache=tmp_path), open_image)
    outcome = engine(
        Task(repository="a/b", base="0" * 40, title="", text=""),
        tmp_path,
        None,  # type: ignore[arg-type]  # nothing is begun
        config=RepoConfig(image="gone"),
        progress=lambda *_words, **_numbers: None,
        cancelled=lambda: False,
        answers=lambda _question: None,
    )
    assert isinstance(outcome, Unrunnable)
    assert "The image gone" in outcome.reason
    assert "docker pull gone" in outcome.output


@pytest.mark.parametrize(
    ("sandbox", "images"), [("docker", ("codeagent-base:bookworm", "other")), ("bubblewrap", ())]
)
def test_terms_from_settings(sandbox: str, images: tuple[str, ...]) -> None:
    settings = Settings(
        label="bug", labels=("fix",), images=("other",), draft=True, protected=("ci/*",), setup_commands=False
    )
    terms = terms_of(settings, sandbox=sandbox)
    assert (terms.labels, terms.images, terms.setup) == (("bug", "fix"), images, False)
    assert terms.ceiling.draft
    assert not terms.ceiling.may_touch("ci/x")
    assert (terms.driver, terms.models) == (Driver.BUILT_IN, ())


def test_a_model_without_a_price_is_not_on_offer_under_a_cap_of_money() -> None:
    prices = {"small": {"input": 1, "output": 1}}
    settings = Settings.model_validate(
        {"model": {"name": "small", "prices": prices}, "models": ("large",), "budget": {"money": 1}}
    )
    assert terms_of(settings, sandbox="docker").models == ("small",)
    free = settings.model_copy(update={"budget": settings.budget.model_copy(update={"money": 0.0})})
    terms = terms_of(free, sandbox="docker")
    assert (terms.models, terms.unpriced, terms.model) == (("small", "large"), ("large",), "small")
