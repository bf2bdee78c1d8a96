"""What is wrong with a plan that can be told before any test runs (issue 3: names that do not exist in the
installed versions, callers of changed signatures).

A remark that is false is worse than none: what is not sure is not said.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.context.current import PatchedTree
from agent.context.packages import own_names
from agent.context.quote import one_line
from agent.context.uses import Use, uses
from agent.errors import EditDoesNotApply
from agent.impact import BrokenCall, broken_calls, changed_signatures
from agent.localize.symbols import SymbolIndex
from agent.operations import apply_operation
from agent.protocols import Context, View
from agent.types import Plan, State

MAX_FLAWS = 12
MAX_CALLS = 6  # of one changed symbol


def flaws(view: View, plan: Plan) -> tuple[str, ...]:
    """One sentence for each flaw of the plan, at most twelve; none for a plan that does not apply, which is
    an observation of its own."""
    after = view.state
    try:
        for step in plan.steps:
            after = apply_operation(after, step.operation, view.context.source)
    except EditDoesNotApply:
        return ()
    if after.patch == view.state.patch and after.tests == view.state.tests:
        return ()
    found = (
        *_missing_names(view.context, view.state, after),
        *_broken_calls(view.context, view.state, after),
    )
    return tuple(dict.fromkeys(found))[:MAX_FLAWS]


# --- Names that the installed versions do not have --------------------------------------------------------


def _missing_names(context: Context, before: State, after: State) -> Iterator[str]:
    tree = PatchedTree(source=context.source, patch=after.patch)
    own = own_names(tree.paths())
    for path, content in _changed_files(before, after):
        found = uses(content)
        given = {(use.module, use.name) for use in found if use.sets}
        for use in found:
            if use.sets or (use.module, use.name) in given or use.module.partition(".")[0] in own:
                continue
            flaw = _flaw(context, use)
            if flaw and not _used_on_base(context, use):
                yield f"{one_line(path)}, line {use.line}: {flaw}"


def _changed_files(before: State, after: State) -> Iterator[tuple[str, bytes]]:
    """Python files and made tests that the plan writes."""
    old = before.patch.overlay
    for change in after.patch.changes:
        if (
            change.path.endswith(".py")
            and change.content is not None
            and old.get(change.path) != change.content
        ):
            yield change.path, change.content
    for test in after.tests:
        if test.path.endswith(".py") and test not in before.tests:
            yield test.path, test.content.encode("utf-8", "surrogatepass")


def _flaw(context: Context, use: Use) -> str:
    packages = context.packages
    if not use.name:
        if packages.importable(use.module) is not False:
            return ""
        top = use.module.partition(".")[0]
        inside = "." in use.module and (top in packages.tops or top in packages.standard)
        where = f"{packages.release(use.module)} has" if inside else "there is"
        return f"{where} no installed module {one_line(use.module, 120)}"
    if packages.importable(use.module) is not True or packages.has(use.module, use.name) is not False:
        return ""
    return f"{packages.release(use.module)} has no {one_line(f'{use.module}.{use.name}', 160)}"


def _used_on_base(context: Context, use: Use) -> bool:
    """What the repository uses or sets on base already works there, whatever makes it work. Asked only of
    what else would be a flaw: it reads many files."""
    word = (use.name or use.module.rpartition(".")[2]).encode("utf-8", "surrogatepass")
    wanted = use.module, use.name
    for path in context.source.paths():
        content = context.source.read(path) if path.endswith(".py") else None
        if content and word in content and any((one.module, one.name) == wanted for one in uses(content)):
            return True
    return False


# --- Calls that a changed signature breaks ----------------------------------------------------------------


def _broken_calls(context: Context, before: State, after: State) -> Iterator[str]:
    changed = sorted({*before.patch.paths, *after.patch.paths})
    old, new = before.patch.overlay, after.patch.overlay
    paths = [path for path in changed if path.endswith(".py") and old.get(path) != new.get(path)]
    if not paths:
        return
    then = SymbolIndex(PatchedTree(source=context.source, patch=before.patch), context.import_roots)
    now = SymbolIndex(PatchedTree(source=context.source, patch=after.patch), context.import_roots)
    counts: dict[str, int] = {}
    for broken in broken_calls(then, now, changed_signatures(then, now, paths)):
        if not broken.site.certain:
            continue
        name = broken.changed.before.dotted
        counts[name] = counts.get(name, 0) + 1
        if counts[name] <= MAX_CALLS:
            yield _sentence(broken)


def _sentence(broken: BrokenCall) -> str:
    site, symbol = broken.site, broken.changed.before
    caller = f" in {one_line(site.caller, 100)}" if site.caller else ""
    return (
        f"{one_line(site.path)}, line {site.line}{caller} calls {one_line(symbol.name, 100)}, "
        f"which with this plan {one_line(broken.reason, 160)}"
    )
