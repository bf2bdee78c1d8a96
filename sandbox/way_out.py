"""The build phase's network, as both backends show it: a socket, a CA bundle and the variables that
point there.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import Network, SandboxSpec
from sandbox.registries import Registries, pip_registries
from sandbox.registry_proxy import SOCKET_NAME, RegistryProxy

DIRECTORY = "/run/registry"
CA_FILE = "/run/ca.pem"
PORT = 3128
CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
)
FORWARD = {"port": PORT, "socket": f"{DIRECTORY}/{SOCKET_NAME}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """What must be shown inside (host path by inner path, read-only) and said in the environment."""

    shown: Mapping[str, Path]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """How sandboxes reach registries. None: what pip, and the system's trust store, use on this host."""

    registries: Registries | None = None
    ca_bundle: Path | None = None

    @classmethod
    def of(cls, registries: frozenset[str] | Registries | None, ca_bundle: Path | None) -> NetworkSettings:
        if isinstance(registries, frozenset):
            registries = Registries(origins=registries)
        return cls(registries=registries, ca_bundle=ca_bundle)


@contextmanager
def way_out(spec: SandboxSpec, settings: NetworkSettings) -> Iterator[WayOut | None]:
    """Open while a sandbox that may reach registries is; None for every other sandbox."""
    if spec.network is not Network.REGISTRIES:
        yield None
        return
    registries = settings.registries or pip_registries()
    bundle = settings.ca_bundle or _system_bundle()
    with RegistryProxy(registries.origins) as proxy:
        shown = {DIRECTORY: proxy.directory} | ({} if bundle is None else {CA_FILE: bundle.resolve()})
        yield WayOut(shown=shown, variables=_variables(registries, trusted=bundle is not None))


def _variables(registries: Registries, *, trusted: bool) -> dict[str, str]:
    proxy = f"http://127.0.0.1:{PORT}"
    variables = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "PIP_PROXY"), proxy)
    variables |= dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1")
    if trusted:
        names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        variables |= dict.fromkeys(names, CA_FILE)
    return variables | dict(registries.variables)


def _system_bundle() -> Path | None:
    default = ssl.get_default_verify_paths().cafile
    candidates = ((default,) if default else ()) + CA_BUNDLES
    return next((Path(path) for path in candidates if Path(path).is_file()), None)
