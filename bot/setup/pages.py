"""What the set-up shows: plain pages without script, everything escaped. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.setup.manifest import LONGEST_NAME, GitHubPlace, Wish, form_action, manifest_json
from bot.setup.permissions import HEARD, TABLE

_PAGES: Final = Environment(
    autoescape=True, undefined=StrictUndefined, loader=FileSystemLoader(Path(__file__).parent / "templates")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was typed, as it was typed."""

    name: str = ""
    org: str = ""
    public: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What there is now. ``goes_on``: the service starts in this process."""

    name: str
    install: str
    key: str
    env: str
    command: str
    label: str
    goes_on: bool = False


def start_page(
    wish: Wish | None,
    given: Given,
    place: GitHubPlace,
    *,
    redirect: str,
    state: str,
    nonce: str,
    wrong: str = "",
    relayed: bool = False,
) -> str:
    """``wish`` None: what was typed cannot be, and ``wrong`` says why."""
    return _PAGES.get_template("start.html").render(
        wish=wish,
        given=given,
        place=place,
        action=form_action(wish, place, state) if wish else "",
        manifest=manifest_json(wish, place, redirect) if wish else "",
        permissions=TABLE,
        events=HEARD,
        longest=LONGEST_NAME,
        nonce=nonce,
        wrong=wrong,
        relayed=relayed,
    )


def done_page(done: Finished, nonce: str) -> str:
    return _PAGES.get_template("done.html").render(done=done, nonce=nonce)


def word_page(heading: str, text: str, nonce: str) -> str:
    return _PAGES.get_template("word.html").render(heading=heading, text=text, nonce=nonce)


def policy(place: GitHubPlace, nonce: str) -> str:
    """No script, nothing from elsewhere; forms go here and to that GitHub."""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self' {place.origin}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
