"""A browser as far as the set-up needs one, and the set-up without its process."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from starlette.testclient import TestClient

from bot.github.client import Habits
from bot.github.pacing import Pace, Patience
from bot.setup.manifest import GitHubPlace
from bot.setup.register import Registrar
from bot.setup.tickets import Tickets
from bot.setup.web import SetupApp, SetupPorts
from tests.double.server import GitHubDouble

HOST = "127.0.0.1:4711"
HOOK = "https://bot.example.com/webhook"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def quick(clock: Clock) -> Habits:
    """Faults are waited out in no time."""
    pace = Pace(between=0.0, per_minute=10_000, per_hour=10_000)
    return Habits(clock=clock, sleep=clock.sleep, pace=pace, patience=Patience(pauses=(0.1, 0.1)))


@dataclass(frozen=True)
class Form:
    action: str
    method: str
    fields: dict[str, str]


def forms(page: str) -> list[Form]:
    found = []
    for attributes, inside in re.findall(r"<form ([^>]*)>(.*?)</form>", page, re.S):
        named = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
        inputs = [
            dict(re.findall(r'(\w+)="([^"]*)"', each)) for each in re.findall(r"<input ([^>]*)>", inside)
        ]
        fields = {each["name"]: html.unescape(each.get("value", "")) for each in inputs}
        found.append(Form(action=html.unescape(named["action"]), method=named["method"], fields=fields))
    return found


def visible(page: str) -> str:
    """The page's text."""
    body = page.partition("<body>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@dataclass
class Place:
    """The set-up in this process, against the double, and a browser in front of it."""

    github: GitHubDouble
    data: Path
    clock: Clock = field(default_factory=Clock)
    force: bool = False

    def __post_init__(self) -> None:
        self.tickets = Tickets(self.clock)
        place = GitHubPlace.of(self.github.site)
        register = Registrar(
            place=place, data=self.data, label="codeagent", force=self.force, habits=quick(self.clock)
        )
        self.app = SetupApp(
            SetupPorts(
                place=place,
                name="codeagent-1f2e3d",
                public="https://bot.example.com",
                tickets=self.tickets,
                register=register,
            ),
            HOST,
        )
        self.browser = TestClient(self.app.asgi, base_url=f"http://{HOST}", follow_redirects=False)

    def get(self, address: str, **headers: str) -> httpx.Response:
        return self.browser.get(address, headers=headers)

    def enter(self) -> str:
        """The page with the form."""
        entered = self.get(f"/setup?secret={self.tickets.secret}")
        assert (entered.status_code, entered.headers["location"]) == (303, "/setup")
        page = self.get("/setup")
        assert page.status_code == 200, page.text
        return page.text

    def registered(self, page: str) -> str:
        """Post the form to GitHub; the address that GitHub sends the browser back to, without its host."""
        form = forms(page)[0]
        assert form.method == "post"
        answer = httpx.post(form.action, data=form.fields, follow_redirects=False)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["location"])
        assert back.netloc == HOST
        return f"{back.path}?{back.query}"
