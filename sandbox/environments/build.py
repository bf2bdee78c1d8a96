"""Build what a recipe says, once per key: everything that runs, runs inside a sandbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sandbox import Command, Completed, Limits, Network, Sandboxes, SandboxSpec
from sandbox.environments import cache as store
from sandbox.environments.table import ECOSYSTEMS
from sandbox.environments.types import BuildFailed, Environment, Prepared, Progress, Recipe

LIMITS = Limits(seconds=900, memory_mib=4096, processes=512, cpus=2.0, disk_mib=4096, output_bytes=1 << 20)
"""For each command of a build: a resolver run, or compiling an extension module."""


def quiet(_phase: str, _detail: str) -> None:
    """Progress for nobody."""


def build(
    recipe: Recipe,
    tree: Path,
    sandboxes: Sandboxes,
    cache: Path,
    *,
    progress: Progress = quiet,
    limits: Limits = LIMITS,
    owner: str = "",
) -> Environment | BuildFailed:
    """The environment of a recipe, from the cache when it was built before. Processes that want the same
    one wait for the first; what was built half is never seen. Raises :class:`sandbox.SandboxError` when the
    sandbox fails. Nobody but trees of the same ``owner`` is given it."""
    key = store.key_of(recipe, sandboxes, owner)
    with store.locked(cache, key):
        prepared = store.load(cache, key)
        if prepared is not None:
            progress("environment", "from the cache")
            return _environment(cache, key, tree, prepared)
        made = _make(recipe, tree, sandboxes, cache, key, progress, limits)
        if isinstance(made, BuildFailed):
            return made
        store.finish(cache, key, made)
        return _environment(cache, key, tree, made)


def _make(
    recipe: Recipe,
    tree: Path,
    sandboxes: Sandboxes,
    cache: Path,
    key: str,
    progress: Progress,
    limits: Limits,
) -> Prepared | BuildFailed:
    spec = SandboxSpec(
        tree=tree,
        environment=store.begin(cache, key),
        network=Network.REGISTRIES,
        limits=limits,
        label="build",
    )

    def apart(command: Command) -> Completed:
        with sandboxes.open(replace(spec, network=Network.NONE, label="look")) as walled:
            return walled.run(command)

    made: Prepared | BuildFailed | None = None
    try:
        with sandboxes.open(spec) as sandbox:
            made = ECOSYSTEMS[recipe.ecosystem].prepare(recipe, sandbox, apart, sandboxes.python, progress)
        return made
    finally:
        if not isinstance(made, Prepared):
            store.abandon(cache, key)


def _environment(cache: Path, key: str, tree: Path, prepared: Prepared) -> Environment:
    """Generated files that this tree has already, or that would lie behind one of its links, are left out."""
    return Environment(
        directory=cache / key / "env",
        key=key,
        import_roots=prepared.import_roots,
        generated={path: data for path, data in prepared.generated.items() if _fits(tree, path)},
        preload=prepared.preload,
        tools=prepared.tools,
        remarks=prepared.remarks,
        env=prepared.env,
    )


def _fits(tree: Path, path: str) -> bool:
    place = tree
    for part in Path(path).parts[:-1]:
        place = place / part
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            return False
    final = tree / path
    return not final.is_symlink() and not final.exists()
