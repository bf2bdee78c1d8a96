"""What is said when a cap of a day or month is reached, or a job has to wait. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.budgets import OverBudget, Scope, What
from bot.render.parts import RunFacts, run_line, sections

_WHOSE = {
    Scope.PLACE: "here",
    Scope.REPOSITORY: "for this repository (`budget` in `.github/codeagent.yml`)",
    Scope.INSTALLATION: "for this installation of the App",
}


def over_budget(facts: RunFacts, over: OverBudget) -> str:
    cap = over.cap
    until = datetime.fromtimestamp(over.resets, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return sections(
        "**I did not begin, because a budget is used up.**",
        f"Allowed are {_amount(cap.what, cap.most)} in a {cap.period.value} {_WHOSE[cap.scope]}; "
        f"{_amount(cap.what, over.used)} are used. It begins anew at {until}.",
        f"Ask me again then, {_who(cap.scope)}.",
        run_line(facts),
    )


def waiting(facts: RunFacts, ahead: int) -> str:
    """``ahead``: jobs that have their turn before."""
    jobs = "one job has its" if ahead == 1 else f"{ahead} jobs have their"
    place = f"{jobs} turn before." if ahead else "it is next."
    return sections(f"**Queued:** {place} I say here how it goes as soon as I begin.", run_line(facts))


def _amount(what: What, amount: float) -> str:
    match what:
        case What.RUNS:
            return f"{amount:.0f} runs"
        case What.TOKENS:
            return f"{amount:,.0f} tokens of a model"
        case What.MONEY:
            return f"${amount:,.2f}"


def _who(scope: Scope) -> str:
    if scope is Scope.REPOSITORY:
        return "or raise it on the default branch"
    return "or ask whoever operates this App to raise it"
