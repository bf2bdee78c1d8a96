"""Which package registries a sandbox may reach while it is built: what pip itself would use on this host.

A registry is written as an origin, ``https://host`` or ``http://host:port``. With ``#private`` behind
it, it may resolve to a private address: the operator's own index often does, a public one never should.
"""

from __future__ import annotations

import ast
import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from sandbox.errors import SandboxError

PORTS = {"https": 443, "http": 80}
PRIVATE = "private"
CONSTANTS = (
    "from pip._internal.models.index import PyPI\n"
    "print(PyPI.url)\n"
    "print('https://' + PyPI.file_storage_domain)\n"
)
_FOR_PIP = frozenset(("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "VIRTUAL_ENV", "LANG", "LC_ALL"))
"""Where pip finds its configuration; the secrets of the program that asks it are none of its business."""

NOT_OUTSIDE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/3",
        "::/127", "64:ff9b::/96", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
"""This machine, its neighbours, and IPv6 ways of writing them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    scheme: str
    host: str
    port: int
    private: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        parts = urlsplit(text)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"a registry is written as https://host[:port] or http://host[:port]: {text!r}")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname.lower(),
            port=parts.port or PORTS[parts.scheme],
            private=parts.fragment == PRIVATE,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}" + (f"#{PRIVATE}" if self.private else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """What may be reached, and the variables that tell pip inside to use it."""

    origins: frozenset[str]
    variables: tuple[tuple[str, str], ...] = ()


def is_outside(address: str) -> bool:
    """Whether an address is neither this machine nor a neighbour of it."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return not any(parsed in network for network in NOT_OUTSIDE if network.version == parsed.version)


def default_registries() -> frozenset[str]:
    return pip_registries().origins


def pip_registries(python: str = sys.executable) -> Registries:
    """Pip's own constants, and the indexes of the operator's pip configuration."""
    origins = {str(Origin.parse(url)) for url in _pip(python, "-c", CONSTANTS).split()}
    return merge(origins, _pip(python, "-m", "pip", "config", "list"))


def merge(constants: set[str], configuration: str) -> Registries:
    """Pure: pip's constants and the text of ``pip config list``. Local directories cannot be shown, and
    are not.
    """
    origins, variables = set(constants), {}
    for name, urls in sorted(_indexes(configuration)):
        reachable = [url for url in urls if urlsplit(url).scheme in PORTS]
        origins |= {f"{str(Origin.parse(url)).partition('#')[0]}#{PRIVATE}" for url in reachable}
        if reachable:
            variables[f"PIP_{name.upper().replace('-', '_')}"] = " ".join(
                map(_without_credentials, reachable)
            )
    # An index of the operator's that is also one of pip's own stays public: nobody moves that one.
    origins = {o for o in origins if not (o.endswith(f"#{PRIVATE}") and o.partition("#")[0] in constants)}
    return Registries(origins=frozenset(origins), variables=tuple(sorted(variables.items())))


def _indexes(configuration: str) -> Iterator[tuple[str, list[str]]]:
    for line in configuration.splitlines():
        key, separator, value = line.partition("=")
        name = key.rpartition(".")[2]
        if separator and name in ("index-url", "extra-index-url"):
            yield name, str(ast.literal_eval(value)).split()


def _without_credentials(url: str) -> str:
    """No secret may be inside, so an index that wants one cannot be used by a build."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _pip(python: str, *arguments: str) -> str:
    completed = subprocess.run(
        (python, *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={
            name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in _FOR_PIP
        },
    )
    if completed.returncode != 0:
        raise SandboxError(
            f"pip cannot say which registries it uses ({completed.stderr.strip()[-300:]}): "
            f"install it for {python}, or name the registries in the configuration"
        )
    return completed.stdout
