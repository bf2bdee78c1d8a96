"""Where problems are worked on: one prepared environment for all of them, a tree of its own for each."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from agent.protocols import Progress
from agent.workbench import RepositoryWorkbench, Runner
from bot.bench import python_problems
from bot.bench.problems import Problem
from bot.errors import ConfigError
from sandbox import Command, Limits, Sandbox, Sandboxes, SandboxSpec
from sandbox.environments import Environment
from sandbox.suites.node_suite import NodeSuite
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.table import NoSuite

OWNER = "codeagent bench"  # environments are shared among the trees of one owner
OLDEST_NODE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A :class:`agent.workbench.Workbench` over one problem's tree; its environment was made before."""

    tree: Path
    language: str
    environment: Environment
    sandboxes: Sandboxes
    limits: Limits

    def prepare(self, progress: Progress) -> Environment:  # noqa: ARG002
        return self.environment

    def suite(self, environment: Environment) -> Runner | NoSuite:
        return LANGUAGES[self.language].suite(environment)

    def open(self, environment: Environment) -> AbstractContextManager[Sandbox]:
        spec = SandboxSpec(
            tree=self.tree, environment=environment.directory, limits=self.limits, label="bench"
        )
        return self.sandboxes.open(spec)


def lay_out(problem: Problem, root: Path) -> Path:
    """The problem's files as a tree that a sandbox can read, whoever its user is."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    for path, content in problem.files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return root


def prepare(
    language: str, sandboxes: Sandboxes, cache: Path, *, limits: Limits, progress: Progress
) -> Environment:
    """The one environment of a language, from the cache when it was made before. Raises ConfigError."""
    return LANGUAGES[language].prepare(sandboxes, cache, limits, progress)


def _prepare_python(sandboxes: Sandboxes, cache: Path, limits: Limits, progress: Progress) -> Environment:
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        tree = Path(work) / "tree"
        (tree / "tests").mkdir(parents=True)
        Path(work).chmod(0o755)
        (tree / python_problems.SOLUTION).write_text("")
        name, content = python_problems.REQUIREMENTS
        (tree / name).write_text(content)
        bench = RepositoryWorkbench(tree, sandboxes, cache, limits=limits, repository=OWNER)
        prepared = bench.prepare(progress)
    if not isinstance(prepared, Environment):
        raise ConfigError(f"The environment for the problems could not be made: {prepared.reason}.")
    return prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How the problems of a language are run: a new one is a row here and a reader of its problems."""

    prepare: Callable[[Sandboxes, Path, Limits, Progress], Environment]
    suite: Callable[[Environment], Runner]


def _prepare_node(sandboxes: Sandboxes, cache: Path, limits: Limits, progress: Progress) -> Environment:
    """Nothing is installed: the sandbox's own node, 20 or later, brings the test runner."""
    progress("environment", "looking for node")
    empty = cache / "nothing" / "env"
    empty.mkdir(parents=True, exist_ok=True)
    with sandboxes.open(SandboxSpec(limits=limits, label="bench")) as sandbox:
        completed = sandbox.run(Command(argv=("node", "--version")))
    version = completed.stdout.decode("utf-8", "replace").strip()
    found = re.fullmatch(r"v(\d{1,4})\.[\w.-]{1,40}", version)
    if not completed.ok or found is None or int(found[1]) < OLDEST_NODE:
        raise ConfigError(
            f"JavaScript problems need node {OLDEST_NODE} or later in the sandbox ({sandboxes.name}); found: "
            f"{version[:100] or 'none'}. Install it under /usr, or add it to the sandbox's image."
        )
    return Environment(directory=empty, key=f"node {version} {sandboxes.identity}", tools=("node",))


LANGUAGES: Mapping[str, Language] = {
    "python": Language(
        prepare=_prepare_python,
        suite=lambda environment: PytestSuite(env=environment.env, preload=environment.preload),
    ),
    "js": Language(prepare=_prepare_node, suite=lambda environment: NodeSuite(env=environment.env)),
}
