"""The check-up of what has to do with GitHub: keys, clock, permissions, events, webhook, deliveries.

What GitHub says is asked once, without retries, by the App's own key; what it means is decided apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import httpx

from bot.doctor import Finding
from bot.errors import BotError, ConfigError, ForgeRefused
from bot.github.app import AppDesk, Attempts, Hook, Installed, Registered, Seen
from bot.github.client import AppKeys, Habits, Link
from bot.github.pacing import Patience
from bot.settings import Settings
from bot.setup.manifest import hook_of
from bot.setup.permissions import PERMISSIONS, missing, too_much, unheard

CLOCK_SECONDS: Final = 30.0  # a JWT may be dated one minute into the future at most
RECENT: Final = 50
_QUICK: Final = Habits(patience=Patience(pauses=(), longest_wait=0.0))


class Desk(Protocol):
    """``bot.github.app.AppDesk``; all raise ForgeRefused and ForgeUnavailable."""

    def app(self) -> Seen: ...

    def installations(self) -> tuple[Installed, ...]: ...

    def hook(self) -> Hook: ...

    def attempts(self, cursor: str = "", *, size: int = RECENT) -> Attempts: ...

    def close(self) -> None: ...


def open_desk(settings: Settings) -> AppDesk:
    """One that does not wait. Raises ConfigError."""
    app = settings.github_app()
    link = Link(
        api_url=settings.api_url,
        web_url=settings.web_url,
        api_version=settings.api_version,
        timeout=httpx.Timeout(5.0, read=15.0),
    )
    keys = AppKeys(issuer=app.issuer, private_key=app.private_key.get_secret_value())
    return AppDesk(keys, link, habits=_QUICK)


def github(
    settings: Settings, clock: Callable[[], float], opened: Callable[[Settings], Desk] = open_desk
) -> Iterator[Finding]:
    """What ``codeagent serve`` needs on top; nobody needs it for ``codeagent fix``."""
    if not settings.has_app:
        remedy = "codeagent setup registers one; then give its file: codeagent doctor --env-file …/app.env"
        yield Finding(name="GitHub App", ok=False, detail="none configured", remedy=remedy, needed=False)
        return
    try:
        app = settings.github_app()
        desk = opened(settings)
    except ConfigError as error:
        yield Finding(name="GitHub App", ok=False, detail="not usable", remedy=str(error))
        return
    length = len(app.webhook_secret.get_secret_value())
    yield Finding(name="webhook secret", ok=True, detail=f"{length} characters")
    with closing(desk):
        yield from _asked(settings, desk, clock)


def _asked(settings: Settings, desk: Desk, clock: Callable[[], float]) -> Iterator[Finding]:
    try:
        seen = desk.app()
    except BotError as error:
        yield Finding(name="GitHub App", ok=False, detail=f"at {settings.api_url}", remedy=str(error))
        return
    app = seen.app
    yield Finding(
        name="GitHub App", ok=True, detail=f"{app.name or app.slug} (id {app.id}) at {settings.api_url}"
    )
    yield clock_of(seen.date, clock())
    yield from rights(app, settings.web)
    looks: tuple[tuple[str, Callable[[], list[Finding]]], ...] = (
        ("installations", lambda: list(installed(desk.installations(), app, settings.web))),
        ("webhook", lambda: list(webhook(desk.hook(), settings, app))),
        ("deliveries", lambda: [recent(desk.attempts(size=RECENT), app, settings.web)]),
    )
    for name, look in looks:
        try:
            yield from look()
        except ForgeRefused as error:
            needed = error.status not in (404, 410)  # an Enterprise server may not have it
            yield Finding(
                name=name, ok=False, detail="GitHub does not tell", remedy=str(error), needed=needed
            )
        except BotError as error:
            yield Finding(name=name, ok=False, detail="not known", remedy=str(error))


# --- What it means ------------------------------------------------------------------------------------------


def clock_of(date: str, now: float) -> Finding:
    try:
        off = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Finding(name="clock", ok=False, detail="GitHub's answer had no date", needed=False)
    return Finding(
        name="clock",
        ok=abs(off) <= CLOCK_SECONDS,
        detail=f"{off:+.0f} s from GitHub's",
        remedy="set this machine's clock (timedatectl set-ntp true): GitHub refuses keys from another time",
    )


def page_of(app: Registered, web: str, part: str) -> str:
    """The App's settings page."""
    owner = app.owner
    of = f"/organizations/{owner.login}" if owner is not None and owner.type == "Organization" else ""
    return f"{web}{of}/settings/apps/{app.slug}/{part}"


def rights(app: Registered, web: str) -> Iterator[Finding]:
    page = page_of(app, web, "permissions")
    lacking = missing(app.permissions)
    yield Finding(
        name="permissions",
        ok=not lacking,
        detail=_listed("lacks", [f"{each.title}: {each.level}" for each in lacking])
        or f"all {len(PERMISSIONS)}",
        remedy=f"set them at {page}, then accept them where the App is installed",
    )
    if extra := too_much(app.permissions):
        yield Finding(
            name="more permissions",
            ok=False,
            detail=", ".join(extra),
            remedy=f"not needed by anything here; take them away at {page}",
            needed=False,
        )
    deaf = unheard(app.events)
    yield Finding(
        name="events",
        ok=not deaf,
        detail=_listed("not subscribed:", [each.title for each in deaf]) or f"all {len(app.events)}",
        remedy=f"subscribe to them at {page}",
    )


def installed(every: tuple[Installed, ...], app: Registered, web: str) -> Iterator[Finding]:
    if not every:
        remedy = f"install it: {web}/apps/{app.slug}/installations/new"
        yield Finding(name="installations", ok=False, detail="none", remedy=remedy, needed=False)
        return
    fine = 0
    for each in every:
        where = each.account.login if each.account else str(each.id)
        lacking = missing(each.permissions)
        if each.suspended_at:
            yield Finding(
                name=f"installation {where}", ok=False, detail="suspended",
                remedy=f"its owner can end that at {each.html_url or web}", needed=False,
            )  # fmt: skip
        elif lacking:
            yield Finding(
                name=f"installation {where}", ok=False,
                detail=_listed("has not accepted", [f"{one.title}: {one.level}" for one in lacking]),
                remedy=f"its owner accepts the new permissions at {each.html_url or web}",
            )  # fmt: skip
        else:
            fine += 1
    if fine:
        yield Finding(name="installations", ok=True, detail=f"{fine} with all permissions")


def webhook(hook: Hook, settings: Settings, app: Registered) -> Iterator[Finding]:
    page = page_of(app, settings.web, "advanced").removesuffix("/advanced")
    wanted = [hook_of(settings.public_url)] if settings.public_url else []
    wanted += [settings.relay_url] if settings.relay_url else []
    shown = "the relay's channel" if hook.url == settings.relay_url else hook.url or "nowhere"
    if not wanted:
        remedy = f"set CODEAGENT_PUBLIC_URL so that it can be compared; GitHub has it at {page}"
        yield Finding(name="webhook", ok=bool(hook.url), detail=f"to {shown}", remedy=remedy)
    else:
        # a channel's name is not printed: what doctor says is pasted into public issues
        to = wanted[0] if settings.public_url else "the value of CODEAGENT_RELAY_URL"
        remedy = f"set the Webhook URL at {page} to {to}, or the setting to what it is"
        yield Finding(name="webhook", ok=hook.url in wanted, detail=f"to {shown}", remedy=remedy)
    if hook.content_type != "json":
        yield Finding(
            name="webhook type", ok=False, detail=hook.content_type or "not said",
            remedy=f"choose application/json at {page}", needed=bool(hook.content_type),
        )  # fmt: skip
    if not hook.secret:
        remedy = f"set it at {page} to the value of CODEAGENT_WEBHOOK_SECRET"
        yield Finding(name="webhook signature", ok=False, detail="GitHub has no secret", remedy=remedy)
    if str(hook.insecure_ssl) not in ("0", "0.0"):
        remedy = f"enable SSL verification at {page}"
        yield Finding(name="webhook TLS", ok=False, detail="not verified", remedy=remedy, needed=False)


def recent(page: Attempts, app: Registered, web: str) -> Finding:
    """How the last deliveries went: each by its latest attempt."""
    latest = {row.guid: row for row in reversed(page.rows)}.values()
    failed = [row for row in latest if not row.ok]
    if not failed:
        detail = f"the last {len(latest)} arrived" if latest else "none yet"
        return Finding(name="deliveries", ok=True, detail=detail)
    last = max(failed, key=lambda row: row.id)
    said = f"{last.status_code} {last.status}".strip()[:80]
    return Finding(
        name="deliveries",
        ok=False,
        detail=f"{len(failed)} of the last {len(latest)} failed, last with: {said}",
        remedy=f"{_hint(last.status_code)}; all at {page_of(app, web, 'advanced')}",
        needed=False,
    )


def _hint(status: int) -> str:
    match status:
        case 401:
            return "the webhook's secret is another one than CODEAGENT_WEBHOOK_SECRET"
        case 0:
            return "GitHub does not reach the webhook; is the service up, and its address right?"
        case 404 | 405:
            return "the webhook's address must end with /webhook"
        case _:
            return "the service asks for them again when it runs"


def _listed(words: str, names: list[str]) -> str:
    return f"{words} {', '.join(names)}" if names else ""
