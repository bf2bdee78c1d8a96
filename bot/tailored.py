"""The engine for one repository: its configuration's caps, environment and model, within the operator's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent import run as engine_run
from agent.llm.types import Component
from agent.method import Driver, Method
from agent.protocols import Journal, Progress
from agent.run import Services
from agent.types import Budget, Outcome, Question, Task, Unrunnable
from agent.workbench import RepositoryWorkbench
from bot import engine
from bot.config.merge import THIRST
from bot.repo_config import RepoConfig, tighten_budget, tighten_limits
from bot.settings import SandboxChoice, Settings
from sandbox import Sandboxes, SandboxUnavailable

OpenImage = Callable[[str], Sandboxes]
"""Sandboxes over a Docker image. Raises SandboxUnavailable."""


class Engine:
    """The engine as ``bot.ports.Repair``: a repository's own configuration can only tighten its caps."""

    def __init__(self, settings: Settings, services: Services, open_image: OpenImage | None = None) -> None:
        self._settings = settings
        self._services = services
        self._images = Images(settings, services.sandboxes, open_image or docker_image(settings))

    def __call__(
        self,
        task: Task,
        tree: Path,
        journal: Journal,
        *,
        config: RepoConfig,
        progress: Progress,
        cancelled: Callable[[], bool],
        answers: Callable[[Question], str | None],
    ) -> Outcome:
        try:
            services = tailored(self._services, config, self._images.of(config.image))
        except SandboxUnavailable as error:
            return _without_image(config.image or "", error)
        budget = tighten_budget(config, engine.budget(self._settings))
        return engine_run.repair(
            task,
            tree,
            services,
            journal,
            budget=budget,
            progress=progress,
            cancelled=cancelled,
            workbench=workbench(task, tree, services, config, budget, cancelled),
            answers=answers,
        )


class Images:
    """The sandboxes of each image that repositories may choose, made when the first one asks."""

    def __init__(self, settings: Settings, usual: Sandboxes, open_image: OpenImage) -> None:
        self._open = open_image
        self._made = {settings.image: usual}
        self._usual = usual
        self._guard = threading.Lock()

    def of(self, image: str | None) -> Sandboxes:
        """Raises SandboxUnavailable when this machine has no such image."""
        if image is None:
            return self._usual
        with self._guard:
            if image not in self._made:
                self._made[image] = self._open(image)
            return self._made[image]


def docker_image(settings: Settings) -> OpenImage:
    return lambda image: engine.sandboxes(settings.model_copy(update={"image": image}), SandboxChoice.DOCKER)


def tailored(services: Services, config: RepoConfig, sandboxes: Sandboxes) -> Services:
    """Pure. The operator's services with the repository's caps, image and model."""
    limits = tighten_limits(config, services.limits)
    suite_seconds = min(services.suite_limits.seconds, limits.seconds * engine.SUITE_PATIENCE)
    return replace(
        services,
        sandboxes=sandboxes,
        limits=limits,
        suite_limits=replace(limits, seconds=suite_seconds),
        method=method(services.method, config),
    )


def method(operators: Method, config: RepoConfig) -> Method:
    """A driver that uses more of the model than the operator's is his; one model stands for all components
    when the repository names one."""
    driver = operators.driver
    if config.driver is not None and THIRST[config.driver] <= THIRST[driver]:
        driver = config.driver
    models = operators.models
    if config.model is not None and driver is not Driver.BUILT_IN:
        models = tuple((component, config.model) for component in Component)
    return replace(operators, driver=driver, models=models, language=config.language or "")


def workbench(
    task: Task,
    tree: Path,
    services: Services,
    config: RepoConfig,
    budget: Budget,
    cancelled: Callable[[], bool],
) -> RepositoryWorkbench:
    """As ``agent.run.repair`` makes one, with what the configuration asks of the environment."""
    return RepositoryWorkbench(
        tree,
        services.sandboxes,
        services.cache,
        limits=services.limits,
        build_seconds=budget.max_seconds,
        test_command=task.test_command,
        python=config.python or "",
        setup=config.setup,
        repository=task.repository,
        cancelled=cancelled,
    )


def _without_image(image: str, error: SandboxUnavailable) -> Unrunnable:
    return Unrunnable(
        reason=f"The image {image}, which the configuration names, cannot be used by this bot.",
        output=str(error),
        advice=("Choose another `image`, or remove the key.", "The operator can put the image in place."),
    )
