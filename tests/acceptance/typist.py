"""Types commands for tests: a process that has the command line imported and forks for each one.

Importing it takes a second, fifty times over; a fork of a process with one thread is as good as a new one.
Reads one JSON line per command ({"words", "cwd", "env", "files"}), answers with one line: the exit code.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from bot.cli import main as cli


def typed(order: dict[str, Any]) -> None:
    """In the child: become what the shell would have started."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    for number, name in enumerate(order["files"]):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), number)
    cli.main(order["words"])


def main() -> None:
    import bot.bench.repo_cases
    import bot.fix
    import bot.serve  # noqa: F401 - so that no child has to

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                typed(json.loads(line))
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:  # noqa: BLE001 - shown as Python shows it
                sys.excepthook(*sys.exc_info())
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
