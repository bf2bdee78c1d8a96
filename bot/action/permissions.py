"""What to write into a workflow when its token may not do something. Pure."""

from __future__ import annotations

import re
from typing import Final

from bot.errors import ForgeRefused

ALL: Final = {"contents": "write", "issues": "write", "pull-requests": "write"}
"""What a label needs to become a pull request."""

SILENT: Final = {"contents": "read", "issues": "read", "pull-requests": "read"}
"""What it needs to become a patch."""

PULLS_SWITCHED_OFF: Final = "not permitted to create or approve pull requests"
_PAIR: Final = re.compile(r"([a-z_]+)=(read|write)", re.ASCII)


def refusal_of(error: BaseException | None) -> ForgeRefused | None:
    """The refusal for want of a permission at the bottom of an error, if it is one."""
    for _ in range(10):
        if isinstance(error, ForgeRefused) and error.status in (401, 403):
            return error
        if error is None:
            return None
        error = error.__cause__
    return None


def advice(refused: ForgeRefused, *, own: bool, silent: bool = False) -> str:
    """Markdown for whoever can change it. ``own``: the token is the workflow's own; ``silent``: nothing is
    to be written. Everything that is needed is named, so that the next one is not missing then."""
    if refused.status == 401:
        return (
            "The token is not, or no longer, valid. An App's token ends after an hour: make it in this job."
        )
    if PULLS_SWITCHED_OFF in str(refused):
        return (
            "The repository or its organisation does not let workflows open pull requests. Switch on "
            "*Settings → Actions → General → Allow GitHub Actions to create and approve pull requests* "
            "(in the organisation's settings first), or give an App's token as `github-token`."
        )
    lines = _lines({**(SILENT if silent else ALL), **_beyond(needed(refused))})
    if not own:
        return f"Give the App (or token) these permissions on the repository:\n\n{lines}"
    return (
        "Add to the job (one that the workflow's own `permissions` do not name is not granted):\n\n"
        f"```yaml\npermissions:\n{lines}\n```"
    )


def needed(refused: ForgeRefused) -> dict[str, str]:
    """From GitHub's own words; alternatives are separated by semicolons there, and the first one will do."""
    first = refused.needed.split(";")[0]
    return {name.replace("_", "-"): level for name, level in _PAIR.findall(first)}


def _beyond(permissions: dict[str, str]) -> dict[str, str]:
    return {name: level for name, level in permissions.items() if level == "write" or name not in ALL}


def _lines(permissions: dict[str, str]) -> str:
    return "\n".join(f"  {name}: {level}" for name, level in sorted(permissions.items()))
