"""Carry out a Python recipe: a virtual environment at ``/env`` filled by pip, every step inside the sandbox.

The order is from best to plainest. One resolver run gets everything where it can; where it cannot, each
goal of the recipe is reached by itself, in whole or in pieces, and what stays out of reach becomes a
remark.
"""

from __future__ import annotations

from packaging.utils import canonicalize_name

from sandbox import ENVIRONMENT, Command, Sandbox
from sandbox.environments.imports import KNOWN
from sandbox.environments.installer import FLAGS, Pip, no_registry, tail, unreachable, why
from sandbox.environments.requirements import name_of
from sandbox.environments.runner_fit import fit_pytest
from sandbox.environments.survey import INSIDE, Survey, read_survey, survey_command
from sandbox.environments.types import Apart, BuildFailed, Goal, Prepared, Progress, Recipe
from sandbox.environments.versions import unfit
from sandbox.environments.wishes import interpreter, set_up


def prepare(
    recipe: Recipe, sandbox: Sandbox, apart: Apart, python: str, progress: Progress
) -> Prepared | BuildFailed:
    """Fill ``/env``. The order matters: the interpreter is checked before anything is downloaded, the
    repository's own requirements come before the tools, and tools never change a version that is there."""
    found = interpreter(recipe, sandbox, python)
    if isinstance(found, BuildFailed):
        return found
    version = found.version
    fits = unfit(recipe.requires, version)
    if fits == "too old":
        return _interpreter_too_old(recipe, version)
    progress("environment", f"Python {version}")
    made = sandbox.run(Command(argv=(found.program, "-m", "venv", str(ENVIRONMENT))))
    if not made.ok:
        return BuildFailed(
            reason="no virtual environment could be made",
            output=tail(made),
            advice=("the sandbox's Python needs venv and ensurepip (Debian: the package python3-venv)",),
        )
    too_new = fits == "too new"
    pip = Pip(
        sandbox=sandbox, env=recipe.env, flags=(*FLAGS, "--ignore-requires-python") if too_new else FLAGS
    )
    remarks = (
        [f"declares Python {recipe.requires}, which {version} is not: tried all the same"] if too_new else []
    )
    installed = _install(recipe, pip, progress)
    if isinstance(installed, BuildFailed):
        return installed
    if (failed := set_up(recipe, sandbox, progress)) is not None:
        return failed
    completed = _complete(recipe, pip, apart, progress)
    if isinstance(completed, BuildFailed):
        return completed
    survey, more = completed
    return _prepared(recipe, survey, (*recipe.remarks, *remarks, *installed, *more))


def _interpreter_too_old(recipe: Recipe, version: str) -> BuildFailed:
    return BuildFailed(
        reason=f"the project needs Python {recipe.requires}; the sandbox has {version}",
        advice=(
            "give the sandbox a newer Python (another base image), or pick an older commit of the repository",
        ),
    )


def _install(recipe: Recipe, pip: Pip, progress: Progress) -> tuple[str, ...] | BuildFailed:
    """The repository's own requirements; answers with remarks."""
    progress("environment", "dependencies")
    done = pip.install(recipe.whole)
    if done.ok:
        return ()
    if unreachable(done):
        return no_registry(done)
    remarks: list[str] = []
    for goal in recipe.goals:
        progress("environment", goal.purpose)
        missed = _reach(goal, pip)
        if isinstance(missed, BuildFailed):
            return missed
        remarks += missed
    return tuple(remarks)


def _reach(goal: Goal, pip: Pip) -> tuple[str, ...] | BuildFailed:
    done = None
    for attempt in goal.attempts:
        done = pip.install(attempt)
        if done.ok:
            return ()
        if unreachable(done):
            return no_registry(done)
    pieces = goal.pieces if len(goal.pieces) > 1 else ()
    missed = []
    for piece in pieces:
        single = pip.install(piece)
        if unreachable(single):
            return no_registry(single)
        missed += [] if single.ok else [" ".join(piece)]
    if pieces and not missed:
        return (f"{goal.purpose}: installed piece by piece, as the whole could not be",)
    what = f": {', '.join(missed)}" if missed else ""
    reason = f" ({why(done)})" if done else ""
    return (f"{goal.purpose}: not installed{what}{reason}",)


def _complete(
    recipe: Recipe, pip: Pip, apart: Apart, progress: Progress
) -> tuple[Survey, tuple[str, ...]] | BuildFailed:
    """Tools, then what tests import and nothing declared; then look at what is there."""
    progress("environment", "test tools")
    survey = _survey(recipe, pip.sandbox)
    lacking = tuple(tool for tool in recipe.tools if name_of(tool) not in survey.installed)
    missed = _each(lacking, pip, survey)
    wanted = _undeclared(recipe, survey)
    if not isinstance(missed, BuildFailed) and wanted:
        progress("environment", f"imported by tests: {', '.join(wanted)}")
        missed = _each(wanted, pip, _survey(recipe, pip.sandbox))
    if isinstance(missed, BuildFailed):
        return missed
    installed = survey.installed if not lacking else _survey(recipe, pip.sandbox).installed
    remarks = fit_pytest(pip, apart, installed)
    return _survey(recipe, pip.sandbox) if lacking or wanted or remarks else survey, remarks


def _each(requirements: tuple[str, ...], pip: Pip, survey: Survey) -> BuildFailed | None:
    """Together, else one by one: a plugin that the registry lacks must not cost the runner. What stays out
    of reach is seen by the survey that follows."""
    if not requirements or pip.install(requirements, survey.installed).ok:
        return None
    for requirement in requirements:
        done = pip.install((requirement,), survey.installed)
        if unreachable(done):
            return no_registry(done)
    return None


def _undeclared(recipe: Recipe, survey: Survey) -> tuple[str, ...]:
    """Requirements for modules that tests import and that are not there: one that the repository names
    elsewhere, else one of a written-out list; never a name merely guessed from the import."""
    offers = {name_of(offer): offer for offer in recipe.offers}
    wanted = []
    for module in recipe.imports:
        if module in survey.importable:
            continue
        known = KNOWN.get(module, "")
        name = name_of(known) if known else canonicalize_name(module)
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
            ("PYTHONHASHSEED", "0"),  # a test that depends on a set's order answers the same in every run
            ("PYTHONPATH", path),
            ("VIRTUAL_ENV", str(ENVIRONMENT)),
        ),
    )
