"""What a repository's configuration asks of its environment: a version of Python, and set-up commands.

Both happen inside, while the environment is built and registries are reachable; nothing of it runs on the
host. Both are part of the recipe, and so of the environment's key.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import ENVIRONMENT, Command, Sandbox
from sandbox.environments.installer import tail
from sandbox.environments.types import BuildFailed, Progress, Recipe

_VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
_PLACES = ("", "/usr/local/bin/", "/usr/bin/", "/opt/python/bin/")

_SCRIPT = """\
number=0
for line in "$@"; do
  number=$((number + 1))
  printf '+ %s\\n' "$line" >&2
  eval "$line" || exit
done
"""
"""One shell for all commands: what one changes in the files or variables, the next one sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    program: str
    version: str  # "3.11.2"


def interpreter(recipe: Recipe, sandbox: Sandbox, python: str) -> Interpreter | BuildFailed:
    """The sandbox's own Python, or another one that it has when the recipe wants it."""
    own = _asked(sandbox, python)
    if isinstance(own, BuildFailed) or _is(own.version, recipe.python):
        return own
    for place in _PLACES:
        other = _asked(sandbox, f"{place}python{recipe.python}")
        if isinstance(other, Interpreter) and _is(other.version, recipe.python):
            return other
    return BuildFailed(
        reason=f"the configuration asks for Python {recipe.python}; the sandbox has {own.version}",
        advice=(
            "choose an image that has it (`image`), correct or remove the key `python`, or ask the operator "
            "for such an image",
        ),
    )


def _is(version: str, wanted: str) -> bool:
    return not wanted or version == wanted or version.startswith(f"{wanted}.")


def _asked(sandbox: Sandbox, program: str) -> Interpreter | BuildFailed:
    asked = sandbox.run(Command(argv=(program, "-c", _VERSION)))
    if not asked.ok:
        return BuildFailed(reason="the sandbox's Python did not start", output=tail(asked))
    return Interpreter(program=program, version=asked.stdout.decode("utf-8", "replace").strip())


def set_up(recipe: Recipe, sandbox: Sandbox, progress: Progress) -> BuildFailed | None:
    """Run the commands over a fresh copy of the tree. What they leave in ``/env`` is kept, nothing else."""
    if not recipe.setup:
        return None
    progress("environment", "set-up commands")
    path = f"{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin"
    env = (*recipe.env, ("PATH", path), ("VIRTUAL_ENV", str(ENVIRONMENT)), ("PIP_NO_INPUT", "1"))
    done = sandbox.run(Command(argv=("sh", "-c", _SCRIPT, "setup", *recipe.setup), env=env))
    if done.ok:
        return None
    how = f"its {done.stopped_by} limit" if done.stopped_by else f"status {done.exit_status}"
    return BuildFailed(
        reason=f"a set-up command of the configuration ended with {how}",
        output=tail(done),
        advice=("correct the key `setup`: each command is shown in the output after a plus sign",),
    )
