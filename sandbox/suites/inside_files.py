"""The files that run inside, as an overlay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources

from sandbox import Limits

DIRECTORY = ".codeagent"
_INSIDE = resources.files("sandbox.suites") / "inside"


def inside(*names: str) -> dict[str, bytes]:
    return {f"{DIRECTORY}/{name}": (_INSIDE / name).read_bytes() for name in names}


def with_path(env: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The environment's variables with our directory at the head of the import path."""
    values = dict(env)
    rest = values.get("PYTHONPATH", "/workspace")
    return tuple(sorted({**values, "PYTHONPATH": f"/workspace/{DIRECTORY}:{rest}"}.items()))


def request(values: Mapping[str, object]) -> bytes:
    """What the runner inside is asked, for its standard input: an argument list has a limit, ids have
    none."""
    return json.dumps(values, sort_keys=True).encode()


def case_seconds(wanted: float, limits: Limits | None, *, coverage: bool) -> float:
    """One case may not take so long that the run ends before it can be reported. Coverage makes a loop
    several times as slow."""
    wanted *= 4 if coverage else 1
    return wanted if limits is None else min(wanted, max(1.0, limits.seconds * 0.6))
