"""Ask the sandbox what is installed: one journaled run of ``inside/installed.py``, never trusted.

Packages are strangers' code: the script reads them without running them, within bounds of files, bytes and
time, and what it says is bounded and checked here again, as a repository can put a package of its own making
where a well-known one is expected. The worst that a false answer does is a wrong remark in a prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import resources
from typing import Any, Protocol

from agent.context.current import index_of
from agent.context.installed import InstalledModule, InstalledName, InstalledPackages
from agent.localize.graph import Index
from agent.protocols import Context
from sandbox import ENVIRONMENT, Command, Completed, Limits

MAX_IMPORTS = 1500
MAX_MODULES = 4000
MAX_NAMES = 4000  # of one module
MAX_TEXT = 160
LIMITS = Limits(seconds=60, output_bytes=8 << 20)
_SCRIPT = (resources.files("agent.context") / "inside" / "installed.py").read_text(encoding="utf-8")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_VERSION = re.compile(r"[\w.!+-]{1,60}")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][\w.-]{0,100}")


class Runs(Protocol):
    """What agent.effects.JournaledRunner does."""

    def run(self, command: Command, *, label: str = "") -> Completed: ...


def installed(runner: Runs, imports: Iterable[str]) -> InstalledPackages:
    """What is installed of the named (dotted) modules. Nothing is run when there are none. Raises what the
    runner raises (Cancelled, sandbox.SandboxError)."""
    wanted = tuple(sorted(set(imports)))[:MAX_IMPORTS]
    if not wanted:
        return InstalledPackages(problem="the repository imports no package")
    return read_answer(runner.run(survey_command(wanted), label="installed packages"))


def with_packages(context: Context, runner: Runs) -> Context:
    """The context of a run with what is installed for it. Raises as :func:`installed`."""
    return replace(context, packages=installed(runner, imported(index_of(context))))


def imported(index: Index) -> tuple[str, ...]:
    """The dotted modules that Python files of a repository import from elsewhere, sorted. The names of what
    is taken from a module may be modules too, so they are in it as well."""
    found: set[str] = set()
    for outline in index.files.values():
        for one in outline.imports if outline.language == "python" else ():
            if not one.module.startswith("."):
                found.update((one.module, f"{one.module}.{one.member}") if one.member else (one.module,))
    own = own_names(index.files)
    return tuple(sorted(name for name in found if name.split(".")[0] not in own and _DOTTED.fullmatch(name)))


def own_names(paths: Iterable[str]) -> frozenset[str]:
    """Every name of a folder or file: what the repository may itself provide under it is not looked up."""
    return frozenset(part.partition(".")[0] for path in paths for part in path.split("/"))


def survey_command(imports: tuple[str, ...]) -> Command:
    call = f"\njson.dump(survey({str(ENVIRONMENT)!r}, {list(imports)!r}), sys.stdout)\n"
    return Command(
        # Isolated, and without site: no .pth file of the environment and no module of the tree is run.
        argv=(f"{ENVIRONMENT}/bin/python", "-I", "-S", "-"),
        stdin=(_SCRIPT + call).encode(),
        limits=LIMITS,
    )


def read_answer(done: Completed) -> InstalledPackages:
    """What the script wrote, each part of the shape that it must have or left out."""
    if not done.ok or done.truncated:
        why = f"stopped by its {done.stopped_by} limit" if done.stopped_by else f"status {done.exit_status}"
        return InstalledPackages(problem=f"the installed packages could not be read: {why}")
    try:
        answer = json.loads(done.stdout)
    except (ValueError, RecursionError):
        return InstalledPackages(problem="the installed packages could not be read: no answer of its form")
    body = _table(answer)
    modules = [_module(item) for item in _list(body.get("modules"))[:MAX_MODULES]]
    versions = _table(body.get("versions"))
    return InstalledPackages(
        python=_matching(_VERSION, body.get("python")),
        versions={
            name: version
            for name, version in sorted(versions.items())[:MAX_MODULES]
            if _matching(_DISTRIBUTION, name) and _matching(_VERSION, version)
        },
        tops=frozenset(_names(body.get("tops"))),
        tops_sure=body.get("tops_sure") is True,
        standard=frozenset(_names(body.get("stdlib"))),
        modules={one.name: one for one in modules if one.name},
        patched=frozenset(
            name
            for item in _list(body.get("modules"))[:MAX_MODULES]
            for name in _names(_table(item).get("patches"))
        ),
        problem=_problem(_names(body.get("cut"))),
    )


def _problem(cut: tuple[str, ...]) -> str:
    return f"too large to be read whole: {', '.join(cut[:10])}" if cut else ""


def _module(item: object) -> InstalledModule:
    body = _table(item)
    return InstalledModule(
        name=_matching(_DOTTED, body.get("name")),
        distribution=_matching(_DISTRIBUTION, body.get("of")),
        sure=body.get("sure") is True,
        names=tuple(filter(None, map(_name, _list(body.get("names"))[:MAX_NAMES]))),
        bound=_names(body.get("bound")),
        inside=_names(body.get("inside")),
        stars=_names(body.get("stars")),
        origins={
            name: str(origin)
            for name, origin in sorted(_table(body.get("origins")).items())[:MAX_NAMES]
            if _matching(_DOTTED, name) and _matching(_DOTTED, origin)
        },
    )


def _name(item: object) -> InstalledName | None:
    match item:
        case [str(name), str(signature), str(summary)] if _matching(_DOTTED, name):
            return InstalledName(name=name, signature=_line(signature), summary=_line(summary))
    return None


def _line(text: str) -> str:
    """One line of printable characters: these texts stand in prompts."""
    return " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * MAX_TEXT]).split())[
        :MAX_TEXT
    ]


def _matching(pattern: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and len(value) <= 200 and pattern.fullmatch(value) else ""


def _names(value: object) -> tuple[str, ...]:
    return tuple(name for item in _list(value)[:MAX_NAMES] if (name := _matching(_DOTTED, item)))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
