"""What both backends say to a new inside: the bootstrap, its configuration, the environment of commands."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from sandbox import ENVIRONMENT, WORKSPACE, Network, SandboxSpec
from sandbox.inside import wire
from sandbox.way_out import FORWARD, WayOut

UID = 1000
HOME = "/home/agent"
BASE = "/base"
OWN_PROCESSES = 8  # init, runner, fork servers: they do not count against a command's limit
SCRATCH = ("/tmp", HOME, "/dev/shm", "/dev/mqueue")
"""Emptied between runs when it exists."""

MODULES = (
    "wire",
    "capture",
    "collect",
    "processes",
    "guards",
    "workspace",
    "execute",
    "warm",
    "relay",
    "forward",
    "runner",
)
"""Of ``sandbox.inside``, in the order of their imports."""

LOADER = """\
import json, os, sys, types
def take(n):
    got = b""
    while len(got) < n:
        part = os.read(0, n - len(got))
        if not part:
            sys.exit(3)
        got += part
    return got
for name, source in json.loads(take(int.from_bytes(take(4), "big"))):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
sys.exit(sys.modules["sandbox.inside.runner"].main())
"""


def argv(python: str) -> tuple[str, ...]:
    """The command that is started inside. Isolated, and without ``site``: no code of the environment
    runs in it.
    """
    return (python, "-I", "-S", "-c", LOADER)


@cache
def sources() -> bytes:
    """The program of the inside, as its loader reads it."""
    here = Path(wire.__file__).parent
    texts = [("sandbox", ""), ("sandbox.inside", "")]
    texts += [(f"sandbox.inside.{name}", (here / f"{name}.py").read_text("utf-8")) for name in MODULES]
    data = json.dumps(texts).encode("ascii")
    return len(data).to_bytes(4, "big") + data


@cache
def server_source() -> str:
    """The program of a warm interpreter, which may be another Python than the runner's."""
    return Path(wire.__file__).with_name("server.py").read_text("utf-8")


def config(
    spec: SandboxSpec,
    *,
    way: WayOut | None,
    processes: int = 0,
    address_bytes: int = 0,
    resident_bytes: int = 0,
) -> bytes:
    """The first frame. The three numbers are given where no cgroup holds the limit; 0 is no limit."""
    return wire.pack(
        {
            "base": None if spec.tree is None else BASE,
            "scratch": SCRATCH,
            "server": server_source(),
            "forward": None if way is None else FORWARD,
            "growing": str(ENVIRONMENT) if spec.network is Network.REGISTRIES else None,
            "file_bytes": file_bytes(spec),
            "processes": processes,
            "address_bytes": address_bytes,
            "resident_bytes": resident_bytes,
        }
    )


def file_bytes(spec: SandboxSpec) -> int:
    """No single file may grow beyond the disk limit, wherever it lies (``/env`` is on the host's disk)."""
    return spec.limits.disk_mib << 20


def environment(python: str, spec: SandboxSpec, way: WayOut | None) -> dict[str, str]:
    """What every command finds in its environment, the same in both backends."""
    directories = [f"{ENVIRONMENT}/bin"] if spec.environment is not None else []
    directories += [str(Path(python).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    common = {
        "PATH": ":".join(dict.fromkeys(directories)),
        "HOME": HOME,
        "USER": "agent",
        "LOGNAME": "agent",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PWD": str(WORKSPACE),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if way is not None:
        common |= {"PIP_NO_INPUT": "1", "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        common |= way.variables
    return common
