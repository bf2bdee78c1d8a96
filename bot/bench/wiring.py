"""The engine of this machine, for a benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from agent.protocols import Progress
from agent.run import Services
from agent.types import Budget
from bot import engine
from bot.bench.workplace import prepare
from bot.settings import SandboxChoice, Settings, read_settings
from sandbox import Sandboxes
from sandbox.environments import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineWiring:
    """A :class:`bot.bench.cli.Wiring`."""

    settings: Settings
    sandboxes: Sandboxes

    def services(self) -> Services:
        return engine.services(self.settings, self.sandboxes)

    def environment(self, language: str, progress: Progress) -> Environment:
        services = self.services()
        return prepare(language, self.sandboxes, services.cache, limits=services.limits, progress=progress)

    @property
    def budget(self) -> Budget:
        return engine.budget(self.settings)


def wire(sandbox: SandboxChoice | None) -> EngineWiring:
    """From the settings. Raises ConfigError, SandboxUnavailable."""
    settings = read_settings()
    return EngineWiring(settings=settings, sandboxes=engine.sandboxes(settings, sandbox))
