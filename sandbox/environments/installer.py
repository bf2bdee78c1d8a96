"""pip, run inside: one class, and how its answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox import ENVIRONMENT, WORKSPACE, Command, Completed, Overlay, Sandbox
from sandbox.environments.survey import DIRECTORY, INSIDE
from sandbox.environments.types import BuildFailed
from sandbox.environments.versions import VERSION_NAME

PYTHON = f"{ENVIRONMENT}/bin/python"
FLAGS = (
    "--no-input", "--disable-pip-version-check", "--no-color", "--progress-bar", "off", "--prefer-binary",
)  # fmt: skip
_WANTS_GIT = (b"not a git", b"git repository", b"vcs", b"scm", b"'git'", b"no version was found")
_PINNED = f"{DIRECTORY}/installed.txt"
_BUILD = f"{DIRECTORY}/build.txt"
_UNREACHABLE = (
    "Retrying (Retry(", "NewConnectionError", "Temporary failure in name resolution", "ReadTimeoutError",
)  # fmt: skip
_TAIL = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """pip in one sandbox. ``env`` is what the project's build backend is told; ``flags`` hold for every
    run."""

    sandbox: Sandbox
    env: tuple[tuple[str, str], ...]
    flags: tuple[str, ...] = FLAGS

    def install(self, arguments: tuple[str, ...], pinned: Mapping[str, str] | None = None) -> Completed:
        """``pinned`` versions stay as they are. What is known to help with a build that failed is tried
        once."""
        overlay: dict[str, bytes | None] = {}
        words = (*self.flags, *arguments)
        if pinned is not None:
            lines = [f"{name}=={version}\n" for name, version in sorted(pinned.items())]
            overlay[_PINNED] = "".join(lines).encode()
            words = ("--constraint", _PINNED, *words)
        done = self._run(words, overlay)
        printed = (done.stdout + done.stderr).lower()
        if not done.ok and b"pkg_resources" in printed:
            # a setup.py from before setuptools dropped pkg_resources
            constrained = (*self.env, ("PIP_CONSTRAINT", f"{WORKSPACE}/{_BUILD}"))
            done = replace(self, env=constrained)._run(words, overlay | {_BUILD: b"setuptools<81\n"})
        elif not done.ok and _builds_the_tree(arguments) and any(word in printed for word in _WANTS_GIT):
            done = self._run(
                words, overlay, (f"{DIRECTORY}/with_git.py", dict(self.env).get(VERSION_NAME, "1"))
            )
        return done

    def _run(self, words: tuple[str, ...], overlay: Overlay, prefix: tuple[str, ...] = ()) -> Completed:
        command = Command(argv=(PYTHON, *prefix, "-m", "pip", "install", *words), env=self.env)
        return self.sandbox.run(command, {**overlay, **INSIDE})


def _builds_the_tree(arguments: tuple[str, ...]) -> bool:
    return any(argument.startswith(".") for argument in arguments)


def unreachable(done: Completed) -> bool:
    text = tail(done, 1 << 20)
    return any(sign in text for sign in _UNREACHABLE)


def no_registry(done: Completed) -> BuildFailed:
    return BuildFailed(
        reason="the package registry could not be reached",
        output=tail(done),
        advice=("check that this machine reaches its package registry, then try again: nothing was kept",),
    )


def why(done: Completed) -> str:
    """pip's own last word, one line."""
    if done.stopped_by is not None:
        return f"stopped by its {done.stopped_by} limit"
    lines = [line.strip() for line in tail(done).splitlines() if line.strip().lower().startswith("error:")]
    return (
        lines[-1].removeprefix("ERROR:").strip()[:200]
        if lines
        else f"pip ended with status {done.exit_status}"
    )


def tail(done: Completed, limit: int = _TAIL) -> str:
    text = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
    return text[-limit:].strip()
