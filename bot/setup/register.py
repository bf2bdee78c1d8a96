"""From the temporary code to an App with its keys on disk."""

from __future__ import annotations

import secrets
import shlex
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bot.github.app import AppDesk, Made, convert
from bot.github.client import AppKeys, Habits, Link
from bot.settings import SHORTEST_SECRET
from bot.setup.keys import files_in, write
from bot.setup.manifest import GitHubPlace, Wish, installation_page
from bot.setup.pages import Finished

log = structlog.get_logger("bot.setup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrar:
    """``data``: where the keys go, and what the service will keep its data in."""

    place: GitHubPlace
    data: Path
    label: str
    api_version: str | None = None  # an older Enterprise server may know no newer one
    force: bool = False
    goes_on: bool = False
    habits: Habits = field(default_factory=Habits)

    def __call__(self, code: str, wish: Wish) -> Finished:
        """Raises ForgeRefused, ForgeUnavailable and ConfigError."""
        link = Link(api_url=self.place.api, web_url=self.place.web, api_version=self.api_version)
        made = convert(code, link, habits=self.habits)
        secret = self._secret(made, link)
        files = files_in(self.data)
        write(files, made.pem, self._variables(made, secret, wish, files.key), force=self.force)
        finished = Finished(
            name=made.name or made.slug,
            install=installation_page(self.place, made.html_url, made.slug),
            key=str(files.key),
            env=str(files.env),
            command=f"codeagent serve --env-file {shlex.quote(str(files.env))}",
            label=self.label,
            goes_on=self.goes_on,
        )
        log.info("registered", app=made.id, slug=made.slug, keys=str(files.env))
        return finished

    def _secret(self, made: Made, link: Link) -> str:
        """The webhook's secret. GitHub makes one; where it did not, it is told one: nothing is unsigned.
        A key that cannot sign is found out here, before it is written."""
        desk = AppDesk(AppKeys(issuer=str(made.id), private_key=made.pem), link, habits=self.habits)
        with closing(desk):
            if made.webhook_secret and len(made.webhook_secret) >= SHORTEST_SECRET:
                return made.webhook_secret
            secret = secrets.token_hex(32)
            desk.set_hook_secret(secret)
            return secret

    def _variables(self, made: Made, secret: str, wish: Wish, key: Path) -> dict[str, str]:
        """The client secret is not kept: nothing here signs anybody in."""
        where = ("PUBLIC_URL", wish.public) if wish.public else ("RELAY_URL", wish.hook)
        version = {"CODEAGENT_API_VERSION": self.api_version} if self.api_version else {}
        return {
            "CODEAGENT_APP_ID": str(made.id),
            "CODEAGENT_CLIENT_ID": made.client_id,
            "CODEAGENT_PRIVATE_KEY_PATH": str(key),
            "CODEAGENT_WEBHOOK_SECRET": secret,
            "CODEAGENT_API_URL": self.place.api,
            "CODEAGENT_WEB_URL": self.place.web,
            "CODEAGENT_DATA_DIR": str(self.data.absolute()),
            f"CODEAGENT_{where[0]}": where[1],
            **version,
        }
