"""Make host directories usable for the unprivileged user inside, when the host process is root.

A host process that is not root runs its sandboxes as its own user, and there is nothing to do.
Directories above the shown ones need no permission: only the directory itself is bound into the sandbox.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sandbox import Network, SandboxSpec
from sandbox.errors import SandboxUnavailable


def stage(spec: SandboxSpec, uid: int) -> None:
    """Let ``uid`` read the tree, and read or own the environment. Contents are never changed, only modes."""
    for path, what in ((spec.tree, "tree"), (spec.environment, "environment")):
        if path is not None and not path.is_dir():
            raise SandboxUnavailable(f"the {what} to be shown in the sandbox is not a directory: {path}")
    if os.geteuid() != 0:
        return
    if spec.tree is not None:
        _let_read(spec.tree)
    if spec.environment is not None:
        _add(spec.environment, 0o755)
        if spec.network is Network.REGISTRIES:
            _give(spec.environment, uid)


def _let_read(tree: Path) -> None:
    """A checkout made under umask 077, or in a directory of ``mkdtemp``, is closed to everybody else."""
    _add(tree, 0o755)
    for where, directories, files in os.walk(tree):
        for name in directories:
            _add(Path(where, name), 0o755)
        for name in files:
            _add(Path(where, name), 0o444)


def _give(environment: Path, uid: int) -> None:
    """An earlier build of it may have been another user's."""
    os.chown(environment, uid, uid)
    for where, directories, files in os.walk(environment):
        for name in (*directories, *files):
            path = Path(where, name)
            if path.lstat().st_uid != uid:
                os.chown(path, uid, uid, follow_symlinks=False)


def _add(path: Path, bits: int) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)
