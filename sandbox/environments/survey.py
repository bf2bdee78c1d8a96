"""Ask a built environment what is in it: the host's side of ``inside/survey.py``. The answer is not
trusted."""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from sandbox import ENVIRONMENT, Command, Completed, Overlay
from sandbox.environments.types import Recipe

DIRECTORY = ".codeagent"
_SCRIPT = f"{DIRECTORY}/survey.py"
_ANSWER = f"{DIRECTORY}/survey.json"
_MAX_GENERATED = 24 << 20

_FILES = resources.files("sandbox.environments") / "inside"

INSIDE: Overlay = {
    f"{DIRECTORY}/{name}": (_FILES / name).read_bytes() for name in ("survey.py", "with_git.py")
}
"""Our own scripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """``installed``: canonical name → version. ``roots``: directories of the tree that the project's
    installed packages were made from."""

    installed: Mapping[str, str] = field(default_factory=dict)
    importable: frozenset[str] = frozenset()
    roots: tuple[str, ...] = ()
    generated: Mapping[str, bytes] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def survey_command(recipe: Recipe) -> Command:
    path = ":".join(f"/workspace/{root}" for root in recipe.roots)
    return Command(
        argv=(f"{ENVIRONMENT}/bin/python", _SCRIPT),
        env=(("PYTHONPATH", path),),
        stdin=json.dumps({"imports": recipe.imports, "answer": _ANSWER}).encode(),
        collect=(_ANSWER,),
    )


def read_survey(done: Completed) -> Survey:
    """What the script wrote, each part of the shape that it must have or left out."""
    try:
        answer = json.loads(done.collected.get(_ANSWER, b"{}"))
    except (ValueError, RecursionError):
        answer = {}
    if not isinstance(answer, dict) or not answer:
        return Survey(remarks=("the environment could not be looked at: the survey left no answer",))
    generated, remarks = _generated(answer.get("generated"))
    return Survey(
        installed={
            re.sub(r"[-_.]+", "-", name).lower(): version
            for name, version in _table(answer.get("installed")).items()
            if isinstance(version, str)
            and re.fullmatch(r"[\w.!+-]{1,80}", version)
            and re.fullmatch(r"[\w.-]+", name)
        },
        importable=frozenset(_strings(answer.get("importable"))),
        roots=tuple(root for root in _strings(answer.get("roots")) if root == "." or safe_path(root)),
        generated=generated,
        preload=tuple(
            name for name in _strings(answer.get("preload")) if re.fullmatch(r"[\w.]{1,100}", name)
        ),
        remarks=remarks,
    )


def _generated(value: object) -> tuple[dict[str, bytes], tuple[str, ...]]:
    files: dict[str, bytes] = {}
    dropped: list[str] = []
    total = 0
    for path, text in sorted(_table(value).items()):
        try:
            data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
        except (binascii.Error, ValueError):
            data = None
        total += len(data or b"")
        if data is None or not safe_path(path) or total > _MAX_GENERATED:
            dropped.append(path[:100])
            continue
        files[path] = data
    remarks = (f"generated files left out: {', '.join(dropped[:5])}",) if dropped else ()
    return files, remarks


def safe_path(path: str) -> bool:
    """A plain relative path that names nothing of git's or ours."""
    return (
        bool(path)
        and len(path) < 1000
        and path.isprintable()
        and posixpath.normpath(path) == path
        and not path.startswith(("/", "..", ".git", ".codeagent"))
    )


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
