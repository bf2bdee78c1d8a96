"""``codeagent action``: the rim. Whatever happens becomes outputs, a summary and an exit code here."""

from __future__ import annotations

import secrets
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO, cast

from bot import engine, log
from bot.action.inputs import Inputs, Runner, read_fail_on, read_inputs, read_runner
from bot.action.job import Step, act, engine_of
from bot.action.outputs import WorkflowLog, write_outputs, write_summary
from bot.action.status import GROUPS, Status, exit_code
from bot.action.summary import HEADINGS, Told, changed, spent, summary, unrepaired
from bot.errors import BotError, ConfigError
from bot.settings import Settings, host_environment, read_settings
from sandbox.redact import Redactor


def run_step() -> int:
    """The exit code. Raises ConfigError only when this is no step at all."""
    environment = host_environment()
    runner = read_runner(environment)
    redact = Redactor([])
    place = runner.temp / f"codeagent-{secrets.token_hex(4)}"
    with WorkflowLog(sys.stdout, redact) as shown:
        try:
            fail_on = read_fail_on(environment)
            told = _told(environment, runner, redact, place, shown)
        except ConfigError as error:
            fail_on, told = GROUPS["error"], Told(status=Status.USAGE, reason=redact(str(error)))
        code = exit_code(told.status, fail_on)
        _tell(told, runner, redact, place, shown, red=code != 0)
    return code


def _told(
    environment: Mapping[str, str], runner: Runner, redact: Redactor, place: Path, shown: WorkflowLog
) -> Told:
    try:
        inputs = read_inputs(environment)
        redact.add(inputs.token)
        settings = _settings(inputs, runner, environment)
        key = settings.model.api_key
        if key is not None:
            redact.add(key.get_secret_value())
        log.configure(redact, level=settings.log_level.value, stream=cast(TextIO, shown))
        engine.tidy(settings, time.time())
        return act(
            Step(
                inputs=inputs,
                runner=runner,
                settings=settings,
                redact=redact,
                place=place,
                log=shown,
                engine=engine_of,
            )
        )
    except ConfigError as error:
        return Told(status=Status.USAGE, reason=redact(str(error)))
    except BotError as error:
        return Told(status=Status.FAILED, reason=redact(str(error)))
    except Exception as error:  # noqa: BLE001 - a bug: its traceback goes into the log, its name to people
        shown.line("".join(traceback.format_exception(error)))
        return Told(status=Status.FAILED, reason=f"internal error ({type(error).__name__}); the log has more")


def _settings(inputs: Inputs, runner: Runner, environment: Mapping[str, str]) -> Settings:
    """GitHub's addresses are the runner's; the data directory lives as long as the job."""
    chosen = {**inputs.settings, "api_url": runner.api_url, "web_url": runner.server_url}
    if "CODEAGENT_DATA_DIR" not in environment:
        chosen["data_dir"] = runner.temp / "codeagent-data"
    return read_settings(chosen=chosen)


def _tell(
    told: Told, runner: Runner, redact: Redactor, place: Path, shown: WorkflowLog, *, red: bool
) -> None:
    text = redact(summary(told))
    write_summary(runner.summary, text)
    place.mkdir(parents=True, exist_ok=True)
    (place / "summary.md").write_text(text, encoding="utf-8")
    patch = place / "fix.patch"
    write_outputs(
        runner.output,
        {
            "status": told.status.value,
            "pull-request-url": told.pull_request,
            "patch-path": str(patch) if patch.is_file() else "",
            "cost": spent(told.outcome),
            "run-url": runner.run_url,
            "artifact": place.name,
            "directory": str(place) if told.status is not Status.NOTHING else "",
        },
    )
    for remark in changed(patch.read_bytes()) if patch.is_file() else ():
        shown.notice(remark.message, file=remark.path, line=remark.line, title="CodeAgent")
    complain = shown.error if red else shown.warning
    for remark in unrepaired(told.outcome):
        complain(remark.message, file=remark.path, line=remark.line, title="CodeAgent")
    say = shown.notice if told.status in (Status.SOLVED, Status.ANSWERED, Status.NOTHING) else complain
    text = "\n\n".join(part for part in (told.reason, told.advice) if part)
    say(text or HEADINGS[told.status], title=f"CodeAgent: {HEADINGS[told.status]}")
