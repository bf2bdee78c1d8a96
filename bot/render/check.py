"""The check run on the commit that the work is based on."""

from __future__ import annotations

from typing import Final

from bot.forge import Annotation, Button, CheckRun, Conclusion
from bot.names import CHECK_NAME, Names
from bot.render.parts import RunFacts
from bot.sanitize import capped, plain

SUMMARY_LIMIT = 60_000

STOP: Final = Button(label="Stop", description="Stop this run", identifier="stop")
AGAIN: Final = Button(label="Try again", description="Work on this issue once more", identifier="retry")


def check_run(
    facts: RunFacts,
    names: Names,
    title: str,
    summary: str,
    conclusion: Conclusion | None = None,
    annotations: tuple[Annotation, ...] = (),
) -> CheckRun:
    """``conclusion`` None: it is under way, and can be stopped. What failed can be tried again."""
    return CheckRun(
        name=f"{CHECK_NAME}: issue {facts.issue}" if facts.issue else CHECK_NAME,
        head_sha=facts.base_sha,
        external_id=names.check,
        title=plain(title, 200),
        summary=capped(summary, SUMMARY_LIMIT),
        conclusion=conclusion,
        details_url=facts.run_url or None,
        annotations=annotations,
        buttons=_buttons(conclusion),
    )


def _buttons(conclusion: Conclusion | None) -> tuple[Button, ...]:
    if conclusion is None:
        return (STOP,)
    return () if conclusion is Conclusion.SUCCESS else (AGAIN,)
