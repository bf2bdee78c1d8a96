"""The engine of this machine, for a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.method import Driver
from agent.protocols import Progress
from agent.run import Services
from agent.types import Budget
from bot import engine
from bot.bench.workplace import prepare
from bot.model import with_model
from bot.model_settings import DriverChoice
from bot.settings import SandboxChoice, Settings, read_settings
from sandbox import Sandboxes
from sandbox.environments import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineWiring:
    """A :class:`bot.bench.cli.Wiring`."""

    settings: Settings
    sandboxes: Sandboxes

    @contextmanager
    def services(self, driver: Driver, money: float | None) -> Iterator[Services]:
        chosen = {"driver": DriverChoice(driver.value)}
        budget = self.settings.budget
        capped = budget if money is None else budget.model_copy(update={"money": money})
        settings = self.settings.model_copy(update={**chosen, "budget": capped})
        services = with_model(engine.services(settings, self.sandboxes), settings)
        try:
            yield services
        finally:
            close = getattr(services.line, "close", None)  # an endpoint's; other lines hold nothing open
            if close is not None:
                close()

    def environment(self, language: str, services: Services, progress: Progress) -> Environment:
        return prepare(
            language, services.sandboxes, services.cache, limits=services.limits, progress=progress
        )

    @property
    def budget(self) -> Budget:
        return engine.budget(self.settings)


def wire(sandbox: SandboxChoice | None) -> EngineWiring:
    """From the settings. Raises ConfigError, SandboxUnavailable."""
    settings = read_settings()
    return EngineWiring(settings=settings, sandboxes=engine.sandboxes(settings, sandbox))
