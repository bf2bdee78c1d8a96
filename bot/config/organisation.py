"""Where an organisation's (or a person's) defaults for all their repositories lie."""

from __future__ import annotations

from typing import Final

REPOSITORY: Final = ".github"
PATH: Final = "codeagent.yml"


def name_of(full_name: str) -> str:
    """What the file is called in messages, for a repository ``owner/name``."""
    return f"{PATH} in {full_name.partition('/')[0]}/{REPOSITORY}"
