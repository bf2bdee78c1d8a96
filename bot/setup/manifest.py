"""The manifest, and the addresses of the flow. Pure.

GitHub's rules, from "Registering a GitHub App from a manifest": ``url`` and, within ``hook_attributes``,
``url`` are required; a webhook must be reachable from the Internet; the flow ends within an hour.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from bot.errors import ConfigError
from bot.setup.permissions import EVENTS, PERMISSIONS

LONGEST_NAME: Final = 34  # GitHub's
DESCRIPTION: Final = "Turns labelled issues, failed checks and review comments into proven pull requests."
_LOGIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubPlace:
    """Where GitHub is: github.com, ``https://NAME.ghe.com`` or an Enterprise server."""

    web: str
    api: str

    @classmethod
    def of(cls, web: str) -> GitHubPlace:
        """Raises ConfigError for what is no address of a site."""
        parts = urlsplit(web.strip().rstrip("/"))
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(f"--github-url: {web!r} is no address such as https://github.example.com.")
        if parts.username or parts.password:
            raise ConfigError("--github-url must be without user and password.")
        site = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if parts.hostname in ("github.com", "www.github.com"):
            return cls(web="https://github.com", api="https://api.github.com")
        if parts.hostname.endswith(".ghe.com"):
            return cls(web=site, api=f"{parts.scheme}://api.{parts.netloc}")
        return cls(web=site, api=f"{site}/api/v3")

    @property
    def hosted(self) -> bool:
        """By GitHub, on the Internet."""
        host = urlsplit(self.web).hostname or ""
        return host == "github.com" or host.endswith(".ghe.com")

    @property
    def origin(self) -> str:
        """Scheme, host and port, as a content security policy names it."""
        parts = urlsplit(self.web)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The App that is wanted. ``org`` empty: it belongs to whoever registers it. ``hook``: where GitHub
    delivers to; ``public``: where people reach the service, empty when they cannot."""

    name: str
    hook: str
    public: str = ""
    org: str = ""

    def __post_init__(self) -> None:
        """Raises ConfigError with what GitHub would not take."""
        if not 1 <= len(self.name) <= LONGEST_NAME or not self.name.isprintable():
            raise ConfigError(f"The App's name must have 1 to {LONGEST_NAME} printable characters.")
        if self.org and not _LOGIN.fullmatch(self.org):
            raise ConfigError(f"{self.org!r} is no name of an organisation: it is what follows github.com/.")


def hook_of(public: str) -> str:
    return f"{public.rstrip('/')}/webhook"


def check_reachable(hook: str, place: GitHubPlace) -> None:
    """Raises ConfigError for an address that GitHub cannot deliver to: it would refuse the whole manifest.
    An Enterprise server may stand in the same network."""
    parts = urlsplit(hook)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.query or parts.fragment:
        raise ConfigError(f"{hook!r} is no address that GitHub could deliver to.")
    if not place.hosted:
        return
    try:
        local = not ipaddress.ip_address(host).is_global
    except ValueError:
        local = host == "localhost" or host.endswith((".localhost", ".local")) or "." not in host
    if local:
        raise ConfigError(
            f"GitHub cannot reach {host}: give the address that the Internet knows with --public-url, "
            "or --relay https://smee.io when there is none."
        )


def manifest(wish: Wish, place: GitHubPlace, redirect: str) -> dict[str, Any]:
    """What GitHub is asked to register. Not public: only its owner can install it."""
    return {
        "name": wish.name,
        "url": wish.public or place.web,
        "description": DESCRIPTION,
        "hook_attributes": {"url": wish.hook, "active": True},
        "redirect_url": redirect,
        "public": False,
        "default_permissions": dict(PERMISSIONS),
        "default_events": list(EVENTS),
    }


def manifest_json(wish: Wish, place: GitHubPlace, redirect: str) -> str:
    return json.dumps(manifest(wish, place, redirect), ensure_ascii=True)


def form_action(wish: Wish, place: GitHubPlace, state: str) -> str:
    """Where the form is posted to."""
    owner = f"/organizations/{quote(wish.org, safe='')}" if wish.org else ""
    return f"{place.web}{owner}/settings/apps/new?state={quote(state, safe='')}"


def is_code(text: str) -> bool:
    """Whether this can be a temporary code of GitHub's."""
    return _CODE.fullmatch(text) is not None


def installation_page(place: GitHubPlace, html_url: str, slug: str) -> str:
    """Where the new App is installed. Its own address differs on Enterprise servers; one that leads elsewhere
    is not followed."""
    own = html_url if html_url.startswith(f"{place.origin}/") else f"{place.web}/apps/{quote(slug, safe='')}"
    return f"{own.rstrip('/')}/installations/new"
