"""What the simulated programmer knows of a problem: right code, wrong drafts of it, and what the code gives.

The expected values of its tests come from running the reference on inputs that are near those of the hidden
tests but never the same. Everything is run in a sandbox, in one command for all drafts of a problem; a draft
that loops or eats memory loses its site, so that the experiment is not one about time caps.
"""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from benchmarks.simulated_variants import Draft, Site, Variants, variants_of
from bot.bench.problems import Key, Problem
from bot.bench.python_problems import HIDDEN
from sandbox import Command, Limits, Sandboxes, SandboxSpec

SITES = 3
MOST_INPUTS = 36
MOST_KNOWN = 8  # inputs that its tests are made of: few, so that different runs write the same tests
LONGEST = 160  # characters of an input or of a value
PATIENCE = 1.5  # seconds for all inputs of one draft
TRIES = 6  # choices of sites that are tried for one problem
INSIDE = r"""
import json, os, resource, select, signal, sys, time
given = json.load(sys.stdin)
def values(source, entry, inputs):
    names = {}
    exec(compile(source, "solution.py", "exec"), names)
    found = []
    for text in inputs:
        try:
            found.append(repr(names[entry](*eval(text))))
        except (Exception, RecursionError):
            found.append(None)
    return found
def apart(source, entry, inputs, patience):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            said = json.dumps(values(source, entry, inputs)).encode()
        except BaseException:
            said = b""
        with os.fdopen(into, "wb") as pipe:
            pipe.write(said)
        os._exit(0)
    os.close(into)
    said, deadline = b"", time.monotonic() + patience
    while time.monotonic() < deadline:
        if select.select([out], [], [], 0.05)[0]:
            more = os.read(out, 1 << 16)
            if not more:
                break
            said += more
    else:
        said = b""
    os.close(out)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return json.loads(said) if said else None
json.dump([apart(each, given["entry"], given["inputs"], given["patience"]) for each in given["sources"]],
          sys.stdout)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One input: a call's arguments as code, what the reference gives, and something that it does not."""

    arguments: str
    right: str
    wrong: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """All that the programmer may draw on for one problem. ``stub`` is the function as the base has it and
    ``line`` where it begins, from 1; the drafts stand at the same place."""

    problem: str
    title: str
    entry: str
    path: str
    stub: str
    line: int
    variants: Variants
    known: tuple[Known, ...]


def knowledge_of(problem: Problem, key: Key, sandboxes: Sandboxes) -> Knowledge | None:
    """None where the problem is not made for it: helper functions, inputs that are no literals, a draft that
    does not end, or fewer than SITES places whose faults the hidden tests and some input both tell."""
    assert key.reference is not None
    variants = variants_of(key.reference, problem.entry)
    hidden = hidden_inputs(dict(key.hidden.files)[HIDDEN], problem.entry)
    if variants is None or len(variants.sites) < SITES or len(hidden) < 2:
        return None
    inputs = near(hidden, random.Random(problem.id))
    head = _head(key.reference)
    runner = _Runner(sandboxes=sandboxes, entry=problem.entry, head=head, inputs=(*hidden, *inputs))
    sites = _telling(variants, runner, len(hidden))
    tries = list(combinations(sites, SITES))
    random.Random(problem.id).shuffle(tries)
    for chosen in tries[:TRIES]:
        narrowed = variants.only(sorted(chosen, key=lambda site: site.position))
        drafts = list(narrowed.drafts())
        found = runner.values(narrowed, drafts)
        if all(values is not None for values in found) and found[0]:
            known = tuple(_known(inputs, found[0][len(hidden) :]))
            if len(known) >= MOST_KNOWN:
                return _knowledge(problem, narrowed, known[:MOST_KNOWN])
    return None


def _knowledge(problem: Problem, variants: Variants, known: tuple[Known, ...]) -> Knowledge:
    text = dict(problem.files)[problem.solution]
    start = text.index(f"def {problem.entry}(")
    return Knowledge(
        problem=problem.id,
        title=problem.title,
        entry=problem.entry,
        path=problem.solution,
        stub=text[start:],
        line=text[:start].count("\n") + 1,
        variants=variants,
        known=known,
    )


def _head(reference: str) -> str:
    """What stands before the function: imports."""
    kept = [node for node in ast.parse(reference).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, kept)) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runner:
    sandboxes: Sandboxes
    entry: str
    head: str
    inputs: tuple[str, ...]

    def values(self, variants: Variants, drafts: Sequence[Draft]) -> list[list[str | None] | None]:
        """Of each draft, what it gives for each input (None: it raises); None: it did not come to its end."""
        given = {
            "entry": self.entry,
            "inputs": self.inputs,
            "patience": PATIENCE,
            "sources": [self.head + variants.source(draft) for draft in drafts],
        }
        command = Command(
            argv=(self.sandboxes.python, "-I", "-c", INSIDE),
            stdin=json.dumps(given).encode(),
            limits=Limits(seconds=60 + PATIENCE * len(drafts), output_bytes=8 << 20),
        )
        with self.sandboxes.open(SandboxSpec(label="drafts")) as sandbox:
            done = sandbox.run(command)
        if not done.ok:
            raise RuntimeError(f"{self.entry}: {done.stderr.decode(errors='replace')[-500:]}")
        found: list[list[str | None] | None] = json.loads(done.stdout)
        return found


def _telling(variants: Variants, runner: _Runner, hidden: int) -> list[Site]:
    """Sites whose faults show, each by itself, on a hidden input and on one of ours, but not on all."""
    singles = [
        tuple(way if site is other else 0 for other in variants.sites)
        for site in variants.sites
        for way in range(1, len(site.ways) + 1)
    ]
    right, *found = runner.values(variants, [variants.right, *singles])
    if right is None:
        return []
    by_draft = dict(zip(singles, found, strict=True))
    chosen = []
    for number, site in enumerate(variants.sites):
        ways = tuple(
            way
            for index, way in enumerate(site.ways, start=1)
            if _tells(right, by_draft[_single(variants, number, index)], hidden)
        )
        if ways:
            chosen.append(Site(position=site.position, kind=site.kind, ways=ways))
    return chosen


def _single(variants: Variants, number: int, way: int) -> Draft:
    return tuple(way if number == other else 0 for other in range(len(variants.sites)))


def _tells(right: Sequence[str | None], found: Sequence[str | None] | None, hidden: int) -> bool:
    if found is None:
        return False
    differs = [one != other for one, other in zip(right, found, strict=True)]
    return any(differs[:hidden]) and any(differs[hidden:]) and not all(differs)


def _known(inputs: Sequence[str], values: Sequence[str | None]) -> Iterator[Known]:
    for arguments, value in zip(inputs, values, strict=True):
        read = _literal(value)
        if value is not None and read is not None and repr(read[0]) == value and len(value) <= LONGEST:
            yield Known(arguments=arguments[1:-2], right=value, wrong=repr(_otherwise(read[0])))


def _literal(text: str | None) -> tuple[Any] | None:
    """In a tuple, since None is a value."""
    try:
        return None if text is None else (ast.literal_eval(text),)
    except (ValueError, SyntaxError):
        return None  # nan, inf, objects: no test of ours can say them


def _otherwise(value: Any) -> Any:
    """A near miss of an expected value."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value[:-1] if value else "a"
        case list():
            return value[:-1] if value else [0]
        case tuple():
            return value[:-1] if value else (0,)
    return 0


# --- Inputs ------------------------------------------------------------------------------------------------


def hidden_inputs(hidden: str, entry: str) -> tuple[str, ...]:
    """Arguments of the calls in the hidden tests that are literals, as the code of a tuple."""
    names = {"candidate", entry}
    calls = [
        node
        for node in ast.walk(ast.parse(hidden))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]
    found: dict[str, None] = {}
    for call in calls:
        read = _literal(ast.unparse(ast.Tuple(elts=call.args, ctx=ast.Load())))
        if read is not None and read[0] and not call.keywords:
            found[_code(read[0])] = None
    return tuple(found)


def near(inputs: Iterable[str], chance: random.Random) -> tuple[str, ...]:
    """Inputs that are like these, and none of these."""
    given = list(inputs)
    found: dict[str, None] = {}
    for _ in range(MOST_INPUTS * 12):
        values = ast.literal_eval(chance.choice(given))
        place = chance.randrange(len(values))
        changed = tuple(_changed(value, chance) if at == place else value for at, value in enumerate(values))
        text = _code(changed)
        if text not in given and len(text) <= LONGEST:
            found[text] = None
        if len(found) == MOST_INPUTS:
            break
    return tuple(found)


def _code(values: tuple[Any, ...]) -> str:
    """Always with a comma before the bracket."""
    return f"({', '.join(map(repr, values))},)"


def _changed(value: Any, chance: random.Random) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return max(0, value + chance.choice((-2, -1, 1, 2))) if value >= 0 else value + 1
        case float():
            return round(value + chance.choice((-1.0, -0.5, 0.5, 1.0)), 3)
        case str():
            return _changed_text(value, chance)
        case list():
            return _changed_list(value, chance)
    return value


def _changed_text(value: str, chance: random.Random) -> str:
    at = chance.randrange(len(value)) if value else 0
    return chance.choice(
        (value[:at] + value[at + 1 :], value + value[at : at + 1], value[::-1], value[: at + 1], value[at:])
    )


def _changed_list(value: list[Any], chance: random.Random) -> list[Any]:
    if not value:
        return []
    at = chance.randrange(len(value))
    inside = [*value[:at], _changed(value[at], chance), *value[at + 1 :]]
    return chance.choice((inside, inside, value[:at] + value[at + 1 :], [*value, value[at]], value[::-1]))


# --- By title -----------------------------------------------------------------------------------------------


def by_title(found: Iterable[Knowledge]) -> Mapping[str, Knowledge]:
    """How the programmer knows which problem a prompt is about. Raises ValueError when two share a title."""
    known: dict[str, Knowledge] = {}
    for each in found:
        if each.title in known:
            raise ValueError(f"two problems are called {each.title!r}")
        known[each.title] = each
    return known
