"""Carry out a Python recipe: a virtual environment at ``/env`` filled by pip, every step inside the sandbox.

The order is from best to plainest. One resolver run gets everything where it can; where it cannot, each
goal of the recipe is reached by itself, in whole or in pieces, and what stays out of reach becomes a
remark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox import ENVIRONMENT, WORKSPACE, Command, Completed, Overlay, Sandbox
from sandbox.environments.imports import KNOWN
from sandbox.environments.requirements import name_of
from sandbox.environments.survey import DIRECTORY, INSIDE, Survey, read_survey, survey_command
from sandbox.environments.types import BuildFailed, Goal, Prepared, Progress, Recipe
from sandbox.environments.versions import VERSION_NAME, unfit

_PYTHON = f"{ENVIRONMENT}/bin/python"
_FLAGS = (
    "--no-input", "--disable-pip-version-check", "--no-color", "--progress-bar", "off", "--prefer-binary",
)  # fmt: skip
_WANTS_GIT = (b"not a git", b"git repository", b"vcs", b"scm", b"'git'", b"no version was found")
_PINNED = ".codeagent/installed.txt"
_BUILD = ".codeagent/build.txt"
_UNREACHABLE = (
    "Retrying (Retry(",
    "NewConnectionError",
    "Temporary failure in name resolution",
    "ReadTimeoutError",
)
_TAIL = 6000
_VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pip:
    """pip in one sandbox. ``env`` is what the project's build backend is told; ``flags`` hold for every
    run."""

    sandbox: Sandbox
    env: tuple[tuple[str, str], ...]
    flags: tuple[str, ...] = _FLAGS

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
        command = Command(argv=(_PYTHON, *prefix, "-m", "pip", "install", *words), env=self.env)
        return self.sandbox.run(command, {**overlay, **INSIDE})


def _builds_the_tree(arguments: tuple[str, ...]) -> bool:
    return any(argument.startswith(".") for argument in arguments)


def prepare(recipe: Recipe, sandbox: Sandbox, python: str, progress: Progress) -> Prepared | BuildFailed:
    """Fill ``/env``. The order matters: the interpreter is checked before anything is downloaded, the
    repository's own requirements come before the tools, and tools never change a version that is there."""
    asked = sandbox.run(Command(argv=(python, "-c", _VERSION)))
    if not asked.ok:
        return BuildFailed(reason="the sandbox's Python did not start", output=tail(asked))
    version = asked.stdout.decode("utf-8", "replace").strip()
    fits = unfit(recipe.requires, version)
    if fits == "too old":
        return _interpreter_too_old(recipe, version)
    progress("environment", f"Python {version}")
    made = sandbox.run(Command(argv=(python, "-m", "venv", str(ENVIRONMENT))))
    if not made.ok:
        return BuildFailed(
            reason="no virtual environment could be made",
            output=tail(made),
            advice=("the sandbox's Python needs venv and ensurepip (Debian: the package python3-venv)",),
        )
    too_new = fits == "too new"
    pip = _Pip(
        sandbox=sandbox, env=recipe.env, flags=(*_FLAGS, "--ignore-requires-python") if too_new else _FLAGS
    )
    remarks = (
        [f"declares Python {recipe.requires}, which {version} is not: tried all the same"] if too_new else []
    )
    installed = _install(recipe, pip, progress)
    if isinstance(installed, BuildFailed):
        return installed
    survey = _complete(recipe, pip, progress)
    if isinstance(survey, BuildFailed):
        return survey
    return _prepared(recipe, survey, (*recipe.remarks, *remarks, *installed))


def _interpreter_too_old(recipe: Recipe, version: str) -> BuildFailed:
    return BuildFailed(
        reason=f"the project needs Python {recipe.requires}; the sandbox has {version}",
        advice=(
            "give the sandbox a newer Python (another base image), or pick an older commit of the repository",
        ),
    )


def _install(recipe: Recipe, pip: _Pip, progress: Progress) -> tuple[str, ...] | BuildFailed:
    """The repository's own requirements; answers with remarks."""
    progress("environment", "dependencies")
    done = pip.install(recipe.whole)
    if done.ok:
        return ()
    if _unreachable(done):
        return _no_registry(done)
    remarks: list[str] = []
    for goal in recipe.goals:
        progress("environment", goal.purpose)
        missed = _reach(goal, pip)
        if isinstance(missed, BuildFailed):
            return missed
        remarks += missed
    return tuple(remarks)


def _reach(goal: Goal, pip: _Pip) -> tuple[str, ...] | BuildFailed:
    done = None
    for attempt in goal.attempts:
        done = pip.install(attempt)
        if done.ok:
            return ()
        if _unreachable(done):
            return _no_registry(done)
    pieces = goal.pieces if len(goal.pieces) > 1 else ()
    missed = [" ".join(piece) for piece in pieces if not pip.install(piece).ok]
    if pieces and not missed:
        return (f"{goal.purpose}: installed piece by piece, as the whole could not be",)
    what = f": {', '.join(missed)}" if missed else ""
    reason = f" ({_why(done)})" if done else ""
    return (f"{goal.purpose}: not installed{what}{reason}",)


def _complete(recipe: Recipe, pip: _Pip, progress: Progress) -> Survey | BuildFailed:
    """Tools, then what tests import and nothing declared; then look at what is there."""
    progress("environment", "test tools")
    survey = _survey(recipe, pip.sandbox)
    lacking = tuple(tool for tool in recipe.tools if name_of(tool) not in survey.installed)
    # one by one: a plugin that the registry lacks must not cost the runner
    done = pip.install(lacking, survey.installed) if lacking else None
    if done and not done.ok:
        if _unreachable(done):
            return _no_registry(done)
        for tool in lacking:
            pip.install((tool,), survey.installed)
    wanted = _undeclared(recipe, survey)
    if wanted:
        progress("environment", f"imported by tests: {', '.join(wanted)}")
        pinned = _survey(recipe, pip.sandbox).installed if lacking else survey.installed
        for requirement in wanted:
            pip.install((requirement,), pinned)
    elif not lacking:
        return survey
    return _survey(recipe, pip.sandbox)


def _undeclared(recipe: Recipe, survey: Survey) -> tuple[str, ...]:
    """Requirements for modules that tests import and that are not there: one that the repository names
    elsewhere, else one of a written-out list; never a name merely guessed from the import."""
    offers = {name_of(offer): offer for offer in recipe.offers}
    wanted = []
    for module in recipe.imports:
        if module in survey.importable:
            continue
        known = KNOWN.get(module, "")
        name = name_of(known or module)
        if name in offers or known:
            wanted.append(offers.get(name, known))
    return tuple(wanted)


def _survey(recipe: Recipe, sandbox: Sandbox) -> Survey:
    done = sandbox.run(survey_command(recipe), INSIDE)
    return read_survey(done)


def _prepared(recipe: Recipe, survey: Survey, remarks: tuple[str, ...]) -> Prepared:
    roots = tuple(dict.fromkeys((*survey.roots, *recipe.roots)))
    path = ":".join(f"/workspace/{root}" if root != "." else "/workspace" for root in roots)
    lacking = [module for module in recipe.imports if module not in survey.importable]
    more = [f"tests import {module}, which nothing here provides" for module in lacking]
    return Prepared(
        import_roots=roots,
        generated=survey.generated,
        preload=survey.preload,
        tools=tuple(tool for tool in ("pytest", "coverage") if tool in survey.installed),
        remarks=(*remarks, *survey.remarks, *more),
        env=(
            ("LANG", "C.UTF-8"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            (
                "PYTHONHASHSEED",
                "0",
            ),  # a test that depends on the order of a set answers the same in every run
            ("PYTHONPATH", path),
            ("VIRTUAL_ENV", str(ENVIRONMENT)),
        ),
    )


def _unreachable(done: Completed) -> bool:
    text = tail(done, 1 << 20)
    return any(sign in text for sign in _UNREACHABLE)


def _no_registry(done: Completed) -> BuildFailed:
    return BuildFailed(
        reason="the package registry could not be reached",
        output=tail(done),
        advice=("check that this machine reaches its package registry, then try again: nothing was kept",),
    )


def _why(done: Completed) -> str:
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
