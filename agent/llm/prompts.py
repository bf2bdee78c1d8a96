"""Prompts: the files beside this module, and data put between marks that it cannot close.

What a component is told never changes (its file, then how to treat data), so that it is the first part of
every prompt and prompt caches hit; what a run or a state adds comes after it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache
from importlib.resources import files

_MARK = re.compile(r"<(?=\s*/?\s*untrusted)", re.IGNORECASE)
_CUT = "\n[… {count} characters left out …]\n"


@cache
def template(name: str) -> str:
    """The text of a prompt file."""
    return (files("agent.llm") / "prompts" / f"{name}.md").read_text(encoding="utf-8").strip()


@cache
def system(*names: str) -> str:
    """What a component is told first: its files in this order, then what is data and how to answer."""
    return "\n\n".join(template(name) for name in (*names, "untrusted")) + "\n"


def untrusted(name: str, text: str, limit: int) -> str:
    """Text of strangers, bounded, between marks that it cannot close.

    The id is a digest of the text itself, which nobody can write into that text; what looks like a mark is
    changed besides, so that no reader is confused. ``name`` is ours, never a stranger's.
    """
    body = _MARK.sub("‹", bounded(sound(text), limit)).strip("\n")
    mark = hashlib.sha256(f"{name}\0{body}".encode()).hexdigest()[:12]
    return f'<untrusted name="{name}" id="{mark}">\n{body}\n</untrusted id="{mark}">'


def section(title: str, *parts: str) -> str:
    """A titled part of a prompt; empty when there is nothing in it."""
    body = "\n".join(part for part in parts if part)
    return f"## {title}\n\n{body}" if body else ""


def joined(*sections: str) -> str:
    """The sections that are not empty."""
    return "\n\n".join(each for each in sections if each) + "\n"


def bounded(text: str, limit: int) -> str:
    """At most about ``limit`` characters: beginning and end of what is longer, and how much is left out."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    return text[:head] + _CUT.format(count=len(text) - limit) + text[len(text) - (limit - head) :]


def sound(text: str) -> str:
    """Text that can be sent: lone surrogates and control characters replaced, line ends kept."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    return "".join(
        one if one in "\n\t\f" or unicodedata.category(one) != "Cc" else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )


def line(text: str, limit: int) -> str:
    """A stranger's text in one line of visible characters: for summaries, names and reasons."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    shown = "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in plain)
    flat = " ".join(shown.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
