"""Titles and texts of pull requests in a repository's own words: placeholders in braces, nothing else. Pure.

A placeholder is a name out of :data:`NAMES`; nothing is looked up in it, called or formatted, and what it
stands for is put in once: braces in an issue's title are just braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

NAMES: Final = ("issue", "title", "summary", "repository", "base", "sender")

_BRACES: Final = re.compile(r"\{([^{}]*)\}")


def checked(template: str) -> str:
    """The template itself; ValueError when it has a placeholder that is not known."""
    unknown = sorted({name for name in _BRACES.findall(template) if name not in NAMES})
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in NAMES)
        raise ValueError(f"{{{unknown[0][:40]}}} is no placeholder; there are {known}")
    return template


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with each placeholder's value in its place; one without a value becomes nothing."""
    return _BRACES.sub(lambda match: values.get(match[1], ""), template)
