"""Titles and texts of pull requests in a repository's own words: placeholders in braces, nothing else. Pure.

A placeholder is a name out of :data:`NAMES`; nothing is looked up in it, called or formatted, and what it
stands for is put in once: braces in an issue's title are just braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

NAMES: Final = ("issue", "title", "summary", "repository", "base", "sender")

_FENCE: Final = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


def checked(template: str) -> str:
    """The template itself; ValueError when it has a placeholder that is not known."""
    unknown = sorted({name for name in _BRACES.findall(template) if name not in NAMES})
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in NAMES)
        raise ValueError(f"{{{unknown[0][:40]}}} is no placeholder; there are {known}")
    return template


def closed(template: str) -> str:
    """A text that leaves nothing open, so that what follows is seen as it is, and looks like no mark of the
    bot's own. Raises ValueError."""
    if "<!--" in template:
        raise ValueError("HTML comments are not allowed: the bot finds its pull requests by its own")
    if len(_FENCE.findall(template)) % 2:
        raise ValueError("a code fence (``` or ~~~) is left open; close it")
    if template.lower().count("<details") != template.lower().count("</details"):
        raise ValueError("<details> is left open; close it")
    return template


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with each placeholder's value in its place; one without a value becomes nothing."""
    return _BRACES.sub(lambda match: values.get(match[1], ""), template)
