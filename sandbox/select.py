"""Which kind of sandbox this machine can have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from sandbox import Sandboxes
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker import IMAGE, SOCKET, DockerSandboxes
from sandbox.errors import SandboxUnavailable

Preference = Literal["auto", "docker", "bubblewrap"]
PREFERENCES: tuple[Preference, ...] = ("auto", "docker", "bubblewrap")


def choose(
    preference: Preference = "auto",
    *,
    image: str = IMAGE,
    docker_url: str = SOCKET,
    pull: bool = False,
    registries: frozenset[str] | None = None,
    ca_bundle: Path | None = None,
) -> Sandboxes:
    """Working sandboxes of the wanted kind; with "auto", Docker before bubblewrap.

    Each candidate is proven by opening a sandbox. Raises SandboxUnavailable, saying for each one why not and
    what to type: no code of a repository is ever run without a sandbox.
    """

    def docker() -> Sandboxes:
        made = DockerSandboxes(
            image=image, base_url=docker_url, pull=pull, registries=registries, ca_bundle=ca_bundle
        )
        try:
            made.check()
        except BaseException:
            made.close()
            raise
        return made

    def bubblewrap() -> Sandboxes:
        made = BubblewrapSandboxes(registries=registries, ca_bundle=ca_bundle)
        made.check()
        return made

    makers: dict[str, Callable[[], Sandboxes]] = {"docker": docker, "bubblewrap": bubblewrap}
    return first_available(makers if preference == "auto" else {preference: makers[preference]})


def first_available(makers: dict[str, Callable[[], Sandboxes]]) -> Sandboxes:
    reasons = []
    for name, make in makers.items():
        try:
            return make()
        except SandboxUnavailable as reason:
            reasons.append(f"  {name}: {reason}")
    raise SandboxUnavailable(
        "No sandbox can be made on this machine, and no code of a repository runs without one.\n"
        + "\n".join(reasons)
    )
