"""The newest pytest may not accept a repository that was written for an older one.

To see whether it does, pytest reads the repository's configuration and runs its top conftest: that is code
of the repository, so it happens apart from the build, where nothing is reachable and ``/env`` is read-only.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox import Command
from sandbox.environments.installer import PYTHON, Pip
from sandbox.environments.types import Apart

_USAGE_ERROR = 4
_OLDEST = 7  # the oldest that runs on the interpreters of today


def fit_pytest(pip: Pip, apart: Apart, installed: Mapping[str, str]) -> tuple[str, ...]:
    """When pytest refuses the repository's configuration or its top conftest, the last of each older major
    version is tried; when none fits, the first one comes back. Answers with remarks."""
    version = installed.get("pytest")
    if version is None or _starts(apart):
        return ()
    others = {name: each for name, each in installed.items() if name != "pytest"}
    for major in range(int(version.partition(".")[0]), _OLDEST, -1):
        if pip.install((f"pytest<{major}",), others).ok and _starts(apart):
            return (
                f"pytest older than {major}, as {version} does not accept the repository's configuration",
            )
    pip.install((f"pytest=={version}",), others)
    return (f"pytest {version} does not start here, nor does an older one",)


def _starts(apart: Apart) -> bool:
    """Reads the configuration and the top conftest, and collects nothing."""
    argv = (PYTHON, "-m", "pytest", "--collect-only", "-q", "--ignore-glob=*")
    return apart(Command(argv=argv)).exit_status != _USAGE_ERROR
