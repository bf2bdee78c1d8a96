"""The check run on the commit that the work is based on."""

from __future__ import annotations

from bot.forge import CheckRun, Conclusion
from bot.names import CHECK_NAME, Names
from bot.render.parts import RunFacts
from bot.sanitize import capped, plain

SUMMARY_LIMIT = 60_000


def check_run(
    facts: RunFacts, names: Names, title: str, summary: str, conclusion: Conclusion | None = None
) -> CheckRun:
    return CheckRun(
        name=f"{CHECK_NAME}: issue {facts.issue}" if facts.issue else CHECK_NAME,
        head_sha=facts.base_sha,
        external_id=names.check,
        title=plain(title, 200),
        summary=capped(summary, SUMMARY_LIMIT),
        conclusion=conclusion,
        details_url=facts.run_url or None,
    )
