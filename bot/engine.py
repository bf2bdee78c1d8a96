"""Puts the engine together: the built-in networks over the sandbox that this machine has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.replay import NoSandboxes
from agent.run import Services
from agent.types import Budget
from bot.model import with_model
from bot.settings import SandboxChoice, Settings
from sandbox import Limits, Sandboxes, SandboxUnavailable
from sandbox.environments.cache import prune, remove
from sandbox.redact import Redactor
from sandbox.select import PREFERENCES, Preference, choose

SCRATCH = "scratch"
DAY = 86_400.0
SUITE_PATIENCE = 8  # a whole suite may take so many times the cap of one command


def sandboxes(settings: Settings, wanted: SandboxChoice | None = None) -> Sandboxes:
    """Raises SandboxUnavailable that says what to do."""
    return choose((wanted or settings.sandbox).value, image=settings.image)


def every_sandbox(
    settings: Settings, wanted: SandboxChoice | None = None
) -> dict[str, Sandboxes | SandboxUnavailable]:
    """Each kind that is wanted, or why it cannot be had: for the check-up."""
    chosen = (wanted or settings.sandbox).value
    return {kind: _one(kind, settings) for kind in PREFERENCES if kind != "auto" and chosen in ("auto", kind)}


def _one(kind: Preference, settings: Settings) -> Sandboxes | SandboxUnavailable:
    try:
        return choose(kind, image=settings.image)
    except SandboxUnavailable as reason:
        return reason


def tidy(settings: Settings, now: float) -> None:
    """Keep the data directory bounded: environments by their size, what a killed ``fix`` left by its age."""
    prune(settings.data_dir / "environments", settings.cache_mib << 20)
    for left in (settings.data_dir / SCRATCH).glob("fix-*"):
        if now - left.lstat().st_mtime > DAY:
            remove(left)


def services(settings: Settings, sandboxes: Sandboxes, redact: Redactor | None = None) -> Services:
    """Raises ConfigError when the model of the settings cannot be used. ``redact`` is told its key."""
    limits = Limits(
        seconds=settings.limits.seconds,
        memory_mib=settings.limits.memory_mib,
        processes=settings.limits.processes,
        cpus=settings.limits.cpus,
        disk_mib=settings.limits.disk_mib,
    )
    made = Services(
        sandboxes=sandboxes,
        cache=settings.data_dir / "environments",
        limits=limits,
        suite_limits=replace(limits, seconds=limits.seconds * SUITE_PATIENCE),
    )
    return with_model(made, settings, redact)


def offline_services() -> Services:
    """For a replay: the same networks, and nothing that could run anything."""
    return Services(
        sandboxes=NoSandboxes(),
        cache=Path("/nonexistent"),
    )


def budget(settings: Settings, seconds: float | None = None) -> Budget:
    return Budget(
        max_seconds=seconds or settings.budget.seconds,
        max_iterations=settings.budget.iterations,
        max_tokens=settings.budget.tokens,
        max_money=settings.budget.money,
    )
