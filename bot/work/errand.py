"""A command that is answered at once: help, status, stop. One comment for each, under a mark of its own."""

from __future__ import annotations

from typing import assert_never

import structlog

from agent.errors import AgentError
from agent.protocols import JsonObject
from agent.show.model import RunView
from agent.show.read import read_run
from bot.deliveries.commands import Command
from bot.queue import WAITS, Ending, JobResult, JobView
from bot.render import errand_answers as say
from bot.render.errand_answers import Standing
from bot.run import Run
from bot.triggers.place import subjects
from bot.work.notice import say_that_it_waits
from bot.work.parts import JOURNAL, not_allowed

log = structlog.get_logger("bot.work")


def run_errand(run: Run) -> JobResult:
    """The work of a job of the kind ERRAND. Whoever may not write to the repository stops nothing and is
    told nothing, also not how the work stands."""
    if (refused := not_allowed(run)) is not None:
        return refused
    if run.request.command == WAITS:
        return say_that_it_waits(run)
    command = Command(run.request.command or Command.HELP)
    match command:
        case Command.STOP:
            stopped = _stop(run)
            _answer(run, say.stopped(run.facts, len(stopped)))
            return run.ended(Ending.ANSWERED, f"stop: {len(stopped)} jobs were asked to")
        case Command.STATUS:
            _answer(run, say.stood(run.facts, _standings(run)))
        case Command.HELP | Command.FIX | Command.EXPLAIN | Command.RETRY:
            _answer(run, say.helped(run.facts, run.request.body))
        case never:
            assert_never(never)
    return run.ended(Ending.ANSWERED, command.value)


def _subjects(run: Run) -> tuple[str, ...]:
    return (run.request.about,) if run.request.about else subjects(run.request)


def _stop(run: Run) -> list[str]:
    """Remembered: a job that is asked for after this is not stopped when this one is taken up again."""
    where = _subjects(run)

    def perform() -> JsonObject:
        found = [job for subject in where if (job := run.ports.control.stop(subject)) is not None]
        return {"stopped": found}

    answer = run.effect("queue.stop", {"subjects": list(where)}, perform)
    stopped = answer["stopped"]
    assert isinstance(stopped, list)
    return [str(job) for job in stopped]


def _standings(run: Run) -> list[Standing]:
    found = (run.ports.control.latest(subject) for subject in _subjects(run))
    return [_standing(run, view) for view in found if view is not None]


def _standing(run: Run, view: JobView) -> Standing:
    return Standing(
        view=view,
        ahead=run.ports.control.ahead(view.job_id),
        seen=_seen(run, view),
        url=run.ports.run_url(view.job_id),
    )


def _seen(run: Run, view: JobView) -> RunView | None:
    """What the journal tells, where it lies on this machine; it may be written to meanwhile."""
    path = run.ports.run_directory(view.run) / JOURNAL
    if not path.exists():
        return None
    try:
        return read_run(path)
    except (AgentError, OSError, ValueError) as error:
        log.warning("a journal cannot be read", job=view.job_id, error=str(error))
        return None


def _answer(run: Run, text: str) -> None:
    """Where it was asked: beside the code, or below. A button is answered by what it stops."""
    request = run.request
    note = request.note
    if request.about or not request.issue:
        return
    if note is not None and note.comment:
        body = run.text(text)
        marker = run.names.comment
        run.ask(
            "github.answer_thread",
            {"pull": note.pull, "thread": note.thread, "marker": marker, "body": body},
            lambda: run.forge.answer_thread(note.pull, note.thread, marker, body),
        )
        return
    run.comment(text)
