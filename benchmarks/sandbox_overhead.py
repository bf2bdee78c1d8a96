"""What a wall costs: the same work by a bare subprocess, in bubblewrap and in Docker.

Measured, each several times and in turns (bare, bubblewrap, Docker, bare, …):

* *open and close*: a sandbox over a tree of one test, opened and closed again. Bare: an interpreter started
  and ended, for inside a sandbox there is one.
* *run true*: one command in an open sandbox. Bare: ``subprocess.run``.
* *pytest, cold*: ``python -m pytest`` over one passing test, by an interpreter that starts anew.
* *pytest, warm*: the same command, forked from an interpreter that has imported pytest already. Bare: as
  cold, for a bare subprocess has no such thing.
* *fresh copy of N files*: one command in an open sandbox over a tree of N files of 1 KiB; it deletes one of
  them. Bare: the tree copied to a memory disk, the command, the copy removed.

Inside a sandbox each time is that of a second command right after a first one, so that making the tree fresh
again is in it (a sandbox does that while the host reads the answer, where there is time).

Needs the package registries once, for an environment with pytest. A kind of sandbox that this machine does
not have is left out, and said so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.support import Grid, Machine, Spread, console, parser, publish
from sandbox import Command, Sandboxes, SandboxSpec, SandboxUnavailable
from sandbox.environments import Environment, Undetected, build, detect
from sandbox.select import Preference, choose

NAME = "sandbox_overhead"
KINDS: tuple[Preference, ...] = ("bubblewrap", "docker")
TRUE = Command(argv=("/bin/true",))
DELETE = Command(argv=("/bin/rm", "d0/f0.txt"))
FILES = {
    "pyproject.toml": '[project]\nname = "one"\nversion = "1"\n[tool.pytest.ini_options]\naddopts = "-q"\n',
    "one.py": "def one():\n    return 1\n",
    "test_one.py": "from one import one\n\n\ndef test_one():\n    assert one() == 1\n",
}

Work = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    work: str
    kind: str
    seconds: float


def main(words: Sequence[str] | None = None) -> int:
    chosen = _options(words)
    machine = Machine.here()
    place = Path(tempfile.mkdtemp(prefix="codeagent-bench-"))
    place.chmod(0o755)  # sandboxes run under another user id
    try:
        with ExitStack() as stack:
            rows = prepare(place, tuple(chosen.files), chosen.pytest, stack)
            samples = in_turns(rows, chosen.repetitions)
    finally:
        shutil.rmtree(place)
    publish(chosen.out, NAME, machine, [grid(samples)], [asdict(sample) for sample in samples])
    return 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    options = parser(NAME, __doc__, repetitions=7)
    options.add_argument(
        "--files", type=int, nargs="*", default=[10, 1000, 10_000], metavar="N", help="sizes of copied trees"
    )
    options.add_argument("--no-pytest", dest="pytest", action="store_false", help="needs no registries then")
    return options.parse_args(words)


# --- The work -----------------------------------------------------------------------------------------------


def prepare(
    place: Path, sizes: tuple[int, ...], pytest: bool, stack: ExitStack
) -> dict[str, dict[str, Work]]:
    """Each work, each way to do it. What it needs is open when this returns."""
    tree = _tree(place / "one", FILES)
    rows: dict[str, dict[str, Work]] = {"open and close": {"bare": _bare(sys.executable, "-I", "-c", "pass")}}
    rows["run true"] = {"bare": _bare("/bin/true")}
    if pytest:
        rows |= {"pytest, cold": {}, "pytest, warm": {}}
    trees = {size: _many(place / f"many-{size}", size) for size in sizes}
    memory = stack.enter_context(_memory_disk())
    for size, many in trees.items():
        rows[_copy(size)] = {"bare": _bare_copy(many, memory / "copy")}
    for kind in KINDS:
        try:
            sandboxes = choose(kind)
        except SandboxUnavailable as reason:
            console.print(f"[yellow]{kind} is left out[/]: {reason}", highlight=False)
            continue
        rows["open and close"][kind] = _opened(sandboxes, tree)
        rows["run true"][kind] = _in(sandboxes, SandboxSpec(tree=tree), TRUE, stack)
        for size, many in trees.items():
            rows[_copy(size)][kind] = _in(sandboxes, SandboxSpec(tree=many), DELETE, stack)
        if pytest:
            _add_pytest(rows, kind, sandboxes, tree, place / kind, stack)
    return rows


def _add_pytest(
    rows: dict[str, dict[str, Work]],
    kind: str,
    sandboxes: Sandboxes,
    tree: Path,
    cache: Path,
    stack: ExitStack,
) -> None:
    environment = _environment(tree, sandboxes, cache)
    spec = SandboxSpec(tree=tree, environment=environment.directory)
    argv = ("/env/bin/python", "-m", "pytest", "test_one.py")
    cold = Command(argv=argv, env=environment.env)
    warm = Command(argv=argv, env=environment.env, preload=environment.preload)
    if "bare" not in rows["pytest, cold"]:
        home = cache / "bare"
        shutil.copytree(tree, home)
        python = environment.directory / "bin" / "python"
        bare = _bare(str(python), "-m", "pytest", "test_one.py", cwd=home)
        rows["pytest, cold"]["bare"] = rows["pytest, warm"]["bare"] = bare
    rows["pytest, cold"][kind] = _in(sandboxes, spec, cold, stack)
    rows["pytest, warm"][kind] = _in(sandboxes, spec, warm, stack)


def _environment(tree: Path, sandboxes: Sandboxes, cache: Path) -> Environment:
    recipe = detect(tree)
    if isinstance(recipe, Undetected):
        raise RuntimeError(f"the tree of one test was not understood: {recipe.reason}")
    made = build(recipe, tree, sandboxes, cache)
    if not isinstance(made, Environment):
        raise RuntimeError(f"no environment with pytest could be built: {made.reason}\n{made.output}")
    return made


def _bare(*argv: str, cwd: Path | None = None) -> Work:
    def work() -> float:
        began = time.perf_counter()
        done = subprocess.run(argv, cwd=cwd, capture_output=True, check=False)
        took = time.perf_counter() - began
        if done.returncode != 0:
            raise RuntimeError(f"{argv} failed: {done.stdout!r} {done.stderr!r}")
        return took

    return work


def _bare_copy(tree: Path, copy: Path) -> Work:
    def work() -> float:
        began = time.perf_counter()
        shutil.copytree(tree, copy)
        subprocess.run(DELETE.argv, cwd=copy, check=True)
        shutil.rmtree(copy)
        return time.perf_counter() - began

    return work


def _opened(sandboxes: Sandboxes, tree: Path) -> Work:
    def work() -> float:
        began = time.perf_counter()
        with sandboxes.open(SandboxSpec(tree=tree)):
            pass
        return time.perf_counter() - began

    return work


def _in(sandboxes: Sandboxes, spec: SandboxSpec, command: Command, stack: ExitStack) -> Work:
    sandbox = stack.enter_context(sandboxes.open(spec))

    def work() -> float:
        sandbox.run(command)
        began = time.perf_counter()
        done = sandbox.run(command)
        took = time.perf_counter() - began
        if not done.ok:
            raise RuntimeError(f"{command.argv} failed: {done.stdout!r} {done.stderr!r}")
        return took

    return work


def _tree(home: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return home


def _many(home: Path, count: int) -> Path:
    return _tree(home, {f"d{number // 100}/f{number}.txt": "x" * 1024 for number in range(count)})


def _copy(size: int) -> str:
    return f"fresh copy of {size:,} files"


@contextmanager
def _memory_disk() -> Iterator[Path]:
    """Where a sandbox has its copy, too."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="codeagent-bench-", dir=shared if os.access(shared, os.W_OK) else None
    ) as name:
        yield Path(name)


# --- The numbers --------------------------------------------------------------------------------------------


def in_turns(rows: dict[str, dict[str, Work]], repetitions: int) -> list[Sample]:
    """One round first that does not count: it starts what is kept warm."""
    samples: list[Sample] = []
    for number in range(repetitions + 1):
        for work, kinds in rows.items():
            for kind, perform in kinds.items():
                took = perform()
                if number > 0:
                    samples.append(Sample(work=work, kind=kind, seconds=took))
        console.print(f"round {number} of {repetitions}")
    return samples


def grid(samples: Sequence[Sample]) -> Grid:
    spreads = {
        (work, kind): Spread.of([s.seconds for s in samples if (s.work, s.kind) == (work, kind)])
        for work, kind in dict.fromkeys((sample.work, sample.kind) for sample in samples)
    }
    kinds = tuple(dict.fromkeys(kind for _work, kind in spreads))
    return Grid(
        title="What a wall costs: median (lowest to highest), and the ratio of medians to bare",
        columns=("work", *kinds),
        rows=tuple(
            (work, *(_cell(spreads, work, kind) for kind in kinds))
            for work in dict.fromkeys(work for work, _kind in spreads)
        ),
    )


def _cell(spreads: dict[tuple[str, str], Spread], work: str, kind: str) -> str:
    spread = spreads[work, kind]
    if kind == "bare":
        return str(spread)
    return f"{spread}, {spread.median / spreads[work, 'bare'].median:.2f}×"


if __name__ == "__main__":
    sys.exit(main())
