"""From the operator's settings to the terms that repositories are held to."""

from __future__ import annotations

from typing import Final

from agent.method import Driver
from bot.config.keys import ChecksPart, RepoConfig, ReviewPart, TriggersPart
from bot.config.terms import Terms
from bot.model import driver, prices
from bot.settings import Settings

DOCKER: Final = "docker"


def terms_of(settings: Settings, *, sandbox: str) -> Terms:
    """``sandbox`` is the kind that is in use: only Docker has images to choose from. Raises ConfigError when
    a model shall drive and none is named."""
    models = _unique(settings.model.name, settings.models) if settings.model.name else ()
    unpriced = tuple(name for name in models if prices(settings).of(name) is None)
    if settings.budget.money or settings.day.money or settings.month.money:
        models = tuple(name for name in models if name not in unpriced)  # no cap could be kept
    return Terms(
        ceiling=RepoConfig(
            triggers=TriggersPart(**settings.triggers.model_dump()),
            refused=settings.refused,
            checks=ChecksPart(push=settings.checks.push),
            review=ReviewPart(limit=settings.review.limit),
            draft=settings.draft,
            protected=settings.protected,
        ),
        labels=_unique(settings.label, settings.labels),
        models=models,
        unpriced=unpriced,
        images=_unique(settings.image, settings.images) if sandbox == DOCKER else (),
        setup=settings.setup_commands,
        driver=driver(settings),
        model=settings.model.name if driver(settings) is not Driver.BUILT_IN else "",
    )


def _unique(first: str, others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((first, *others)))
