"""The sandbox's image on a runner: made once, from Debian's packages, when Docker answers and has none.

``deploy/action-sandbox.sh`` does it. It gets no secret: only how to reach Docker and the network.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from bot.action.outputs import WorkflowLog
from bot.git.sealed import PROXIES
from bot.settings import Settings, host_environment

SCRIPT: Final = Path(__file__).resolve().parent.parent.parent / "deploy" / "action-sandbox.sh"
PASSED_ON: Final = frozenset(
    (
        *("PATH", "HOME", "TMPDIR", "RUNNER_TEMP", "RUNNER_ENVIRONMENT"),
        *("DOCKER_HOST", "DOCKER_CONFIG", *PROXIES, *(name.lower() for name in PROXIES)),
    )
)


def prepare_sandbox(settings: Settings, log: WorkflowLog) -> None:
    """Whether it worked is seen when the sandbox is opened: that error says more."""
    environment = {name: value for name, value in host_environment().items() if name in PASSED_ON}
    command = ("bash", str(SCRIPT), settings.sandbox.value, settings.image)
    log.group("sandbox")
    try:
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None, "it was asked for"
            for line in process.stdout:
                log.line(line)
        if process.returncode:
            log.line(f"preparing the sandbox ended with code {process.returncode}")
    finally:
        log.end_group()
