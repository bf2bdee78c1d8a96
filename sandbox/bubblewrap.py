"""Sandboxes by bubblewrap: Linux namespaces without a daemon.

As root the mounts are made by root and the inside drops to an unprivileged user before any code of it
runs; else a user namespace does the same. Two bubblewraps are nested: the outer one lays a single tmpfs
that ``/workspace``, ``/tmp``, ``/dev/shm`` and the home directory share, so that the disk limit holds
for all of them together.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox import Network, Sandbox, SandboxSpec, boot, cgroups, seccomp
from sandbox.channel import Channel
from sandbox.errors import SandboxUnavailable
from sandbox.registries import Registries
from sandbox.session import Session, greet
from sandbox.staging import stage
from sandbox.way_out import NetworkSettings, WayOut, way_out

INSTALL = "install bubblewrap: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora)"
HOST = "/h"  # where the outer bubblewrap shows the host's files to the inner one
STAGE = "/t"  # where the outer bubblewrap lays the tmpfs
SHARED = {"workspace": "/workspace", "tmp": "/tmp", "home": boot.HOME, "shm": "/dev/shm"}
TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "mime.types")
ETC_BUILD = ("ssl", "ca-certificates", "pki")
STRANGERS = range(60_600, 61_100)
"""Users that Linux distributions leave free. As root without cgroups every sandbox gets one of its own,
for the kernel counts processes by user."""

KEEPER = r"""
life=$1 groups=$2; shift 2
exec 3<&0
(
  for group in $groups; do echo 0 > "$group/cgroup.procs" || exit 1; done
  exec "$@" <&3 3<&-
) &
inside=$!
exec 3<&- < "/dev/fd/$life" > /dev/null 2>&1
read -r _
tries=0
while kill -0 "$inside" && [ "$tries" -lt 25 ]; do tries=$((tries + 1)); sleep 0.02; done
kill -9 "$inside"
wait
for group in $groups; do
  tries=0
  until rmdir "$group" || [ ! -e "$group" ] || [ "$tries" -ge 200 ]; do tries=$((tries + 1)); sleep 0.02; done
done
"""
"""A shell that outlives a killed host process by milliseconds: its life line ends, it kills and tidies up.

The inside gets the same end of file and should leave by itself within half a second, or it is killed.
The shell also is the parent that ``--die-with-parent`` means; with the host itself that would be the one
*thread* that opened the sandbox.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python shown inside: its program, and the one directory that it needs beside ``/usr``."""

    program: Path
    prefix: Path

    @classmethod
    def current(cls) -> Interpreter:
        prefix = Path(sys.base_prefix).resolve()
        exact = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        return cls(program=exact if exact.exists() else prefix / "bin" / "python3", prefix=prefix)


class BubblewrapSandboxes:
    """Implements :class:`sandbox.Sandboxes`. ``use_cgroups=False`` forces the fallback to rlimits."""

    name = "bubblewrap"

    def __init__(
        self,
        *,
        program: str = "bwrap",
        interpreter: Interpreter | None = None,
        use_cgroups: bool = True,
        registries: frozenset[str] | Registries | None = None,
        ca_bundle: Path | None = None,
    ) -> None:
        self._program = program
        self._interpreter = interpreter or Interpreter.current()
        self._groups = cgroups.find() if use_cgroups else None
        self._as_root = os.geteuid() == 0
        self._network = NetworkSettings.of(registries, ca_bundle)
        self._numbers = itertools.count()

    @property
    def python(self) -> str:
        return str(self._interpreter.program)

    @property
    def identity(self) -> str:
        try:
            system = platform.freedesktop_os_release()
        except OSError:  # a distribution that does not say what it is
            system = {}
        distribution = f"{system.get('ID', '')}{system.get('VERSION_ID', '')}"
        return f"bubblewrap:{distribution}:{platform.machine()}:{self.python}:{platform.python_version()}"

    def check(self) -> None:
        """Raise SandboxUnavailable, with what to do, when no sandbox can be made here."""
        with self.open(SandboxSpec(label="check")):
            return

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        return self._opened(spec)

    @contextmanager
    def _opened(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        uid = self._uid()
        stage(spec, uid)
        if self._groups is not None:
            self._groups.sweep()
        with way_out(spec, self._network) as way:
            environment = boot.environment(self.python, spec, way)
            with Session(partial(self._start, way=way, uid=uid), spec, environment) as session:
                yield session

    def _start(self, spec: SandboxSpec, *, way: WayOut | None, uid: int) -> _Inside:
        bwrap = shutil.which(self._program)
        if bwrap is None:
            raise SandboxUnavailable(f"there is no program {self._program!r}; {INSTALL}")
        limits = spec.limits
        memory = (limits.memory_mib + limits.disk_mib) << 20  # the files of a tmpfs are memory, too
        with ExitStack() as undo:
            group = None
            if self._groups is not None:
                caps = cgroups.Caps(
                    memory_bytes=memory, processes=limits.processes + boot.OWN_PROCESSES, cpus=limits.cpus
                )
                group = self._groups.make(caps)
                undo.callback(group.remove)
            inside = _Inside(self._layout(bwrap, spec, group, way, uid), group)
            undo.callback(inside.close)
            greet(inside, self._configuration(spec, way, group))
            undo.pop_all()
            return inside

    def _configuration(self, spec: SandboxSpec, way: WayOut | None, group: cgroups.Group | None) -> bytes:
        """Without a group the limits are held by rlimits, and by the runner counting the memory in use."""
        if group is not None:
            return boot.config(spec, way=way)
        memory = spec.limits.memory_mib << 20
        processes = spec.limits.processes + boot.OWN_PROCESSES
        return boot.config(
            spec, way=way, processes=processes, address_bytes=4 * memory, resident_bytes=memory
        )

    def _uid(self) -> int:
        if self._as_root and self._groups is None:
            return STRANGERS[(os.getpid() * 31 + next(self._numbers)) % len(STRANGERS)]
        return boot.UID

    def _layout(
        self, bwrap: str, spec: SandboxSpec, group: cgroups.Group | None, way: WayOut | None, uid: int
    ) -> Layout:
        return Layout(
            bwrap=os.path.realpath(bwrap),
            spec=spec,
            interpreter=self._interpreter,
            as_root=self._as_root,
            uid=uid,
            oom_counter=None if group is None else group.oom_counter,
            extra={} if way is None else way.shown,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What an inside looks like, as arguments of two nested bubblewraps. Reads the host, changes nothing."""

    bwrap: str
    spec: SandboxSpec
    interpreter: Interpreter
    as_root: bool
    uid: int
    oom_counter: Path | None
    extra: Mapping[str, Path]

    def argv(self, files: dict[str, int], filter_fd: int | None) -> tuple[str, ...]:
        inner = (f"{HOST}{self.bwrap}", *self._inner(files, filter_fd), "--", *self._command())
        return (self.bwrap, *self._outer(), "--", *inner)

    def _outer(self) -> Iterator[str]:
        yield from ("--die-with-parent", "--dev-bind", "/", HOST)
        if self.as_root:
            yield from ("--cap-add", "ALL")
        for name in (*TOP, "usr", "proc", "sys", "dev"):
            if os.path.lexists(f"/{name}"):
                yield from ("--symlink", f"{HOST[1:]}/{name}", f"/{name}")
        yield from ("--dir", "/tmp")  # where the inner one pivots
        yield from ("--perms", "0755", "--size", str(self.spec.limits.disk_mib << 20), "--tmpfs", STAGE)
        for name in SHARED:
            yield from ("--perms", "0777", "--dir", f"{STAGE}/{name}")

    def _inner(self, files: dict[str, int], filter_fd: int | None) -> Iterator[str]:
        yield from ("--die-with-parent", "--as-pid-1", "--new-session", "--clearenv", "--hostname", "sandbox")
        for space in ("ipc", "pid", "net", "uts", "cgroup-try"):
            yield f"--unshare-{space}"
        yield from ("--cap-drop", "ALL")
        if self.as_root:  # for setpriv, which gives them away
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
                yield from ("--cap-add", capability)
        else:
            yield from ("--unshare-user", "--uid", str(self.uid), "--gid", str(self.uid))
        yield from self._system()
        for name, fd in files.items():
            yield from ("--perms", "0644", "--ro-bind-data", str(fd), f"/etc/{name}")
        yield from self._shown()
        yield from ("--proc", "/proc", "--dev", "/dev")
        for name, where in SHARED.items():
            yield from (*_parents(where), "--bind", f"{STAGE}/{name}", where)
        yield from ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/")
        if filter_fd is not None:
            yield from ("--seccomp", str(filter_fd))

    def _system(self) -> Iterator[str]:
        yield from _read_only(Path("/usr"))
        for name in TOP:
            path = Path("/", name)
            if path.is_symlink():
                yield from ("--symlink", os.readlink(path), str(path))
            elif path.is_dir():
                yield from _read_only(path)
        prefix = self.interpreter.prefix
        if not prefix.is_relative_to("/usr"):
            yield from _read_only(prefix)
        building = self.spec.network is Network.REGISTRIES
        for name in ETC + (ETC_BUILD if building else ()):
            if Path("/etc", name).exists():
                yield from _read_only(Path("/etc", name))

    def _shown(self) -> Iterator[str]:
        spec = self.spec
        if spec.tree is not None:
            yield from _read_only(spec.tree, boot.BASE)
        if spec.environment is not None:
            flag = "--bind" if spec.network is Network.REGISTRIES else "--ro-bind"
            yield from (flag, f"{HOST}{spec.environment.resolve()}", "/env")
        if self.oom_counter is not None:
            yield from _read_only(self.oom_counter, "/run/limits/oom")
        for where, source in self.extra.items():
            yield from _read_only(source, where)

    def _command(self) -> Iterator[str]:
        if self.as_root:
            user = str(self.uid)
            yield from ("/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups")
            # Changing the user takes the signal of --die-with-parent away.
            yield from (
                "--bounding-set=-all",
                "--inh-caps=-all",
                "--no-new-privs",
                "--pdeathsig",
                "KILL",
                "--",
            )
        yield from boot.argv(str(self.interpreter.program))


def accounts(uid: int) -> dict[str, bytes]:
    """Small files of ``/etc``."""
    return {
        "passwd": b"root:x:0:0:root:/nonexistent:/bin/false\n"
        + f"agent:x:{uid}:{uid}:agent:{boot.HOME}:/bin/sh\n".encode(),
        "group": f"root:x:0:\nagent:x:{uid}:\n".encode(),
        "hosts": b"127.0.0.1 localhost sandbox\n::1 localhost\n",
        "nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
        "resolv.conf": b"",
    }


def _read_only(source: Path, where: str | None = None) -> Iterator[str]:
    where = where or str(source)
    yield from (*_parents(where), "--ro-bind", f"{HOST}{os.path.realpath(source)}", where)


def _parents(where: str) -> Iterator[str]:
    """Directories above a mount point: bubblewrap would make them 0700, of no use to another user."""
    for parent in reversed(Path(where).parents[:-1]):
        if parent not in (Path("/dev"), Path("/usr")):
            yield from ("--perms", "0755", "--dir", str(parent))


class _Inside:
    """A keeper and the two bubblewraps under it."""

    def __init__(self, layout: Layout, group: cgroups.Group | None) -> None:
        self._group = group
        self._closed = False
        self._kills = 0
        with ExitStack() as handed_over:
            files = {name: _memory_file(handed_over, text) for name, text in accounts(layout.uid).items()}
            program = seccomp.program()
            filter_fd = None if program is None else _memory_file(handed_over, program)
            ours, theirs = socket.socketpair()
            handed_over.callback(theirs.close)
            life, self._life = _life_line(handed_over)
            groups = "" if group is None else " ".join(map(str, group.directories))
            self._keeper = subprocess.Popen(
                ("/bin/sh", "-c", KEEPER, "keeper", str(life), groups, *layout.argv(files, filter_fd)),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
                cwd="/",
                pass_fds=[*files.values(), life] + ([] if filter_fd is None else [filter_fd]),
                start_new_session=True,
            )
        self._socket = ours
        self.channel = Channel(reads=ours.fileno(), writes=ours.fileno())

    def kill(self) -> None:
        """The runner sees the end of its requests, kills all others and leaves; see :data:`KEEPER`."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.kill()
        os.close(self._life)
        self._keeper.wait()
        self._socket.close()
        assert self._keeper.stderr is not None
        self._keeper.stderr.close()
        if self._group is not None:
            self._group.remove()

    def mark(self) -> None:
        self._kills = 0 if self._group is None else self._group.memory_kills()

    def ran_out_of_memory(self) -> bool:
        return self._group is not None and self._group.memory_kills() > self._kills

    def complaint(self) -> str:
        assert self._keeper.stderr is not None
        os.set_blocking(self._keeper.stderr.fileno(), False)
        with suppress(BlockingIOError):
            return os.read(self._keeper.stderr.fileno(), 4096).decode("utf-8", "replace").strip()
        return ""


FIRST_FD = 10
"""The shell uses the ones below for itself."""


def _life_line(owner: ExitStack) -> tuple[int, int]:
    """A pipe's two ends. Nobody but this process holds the second: when it ends, the keeper reads an end."""
    ending, held = os.pipe()
    life = fcntl.fcntl(ending, fcntl.F_DUPFD_CLOEXEC, FIRST_FD)
    os.close(ending)
    owner.callback(os.close, life)
    return life, held


def _memory_file(owner: ExitStack, content: bytes) -> int:
    """A descriptor that bubblewrap reads ``content`` from; no file on the host."""
    made = os.memfd_create("sandbox")
    fd = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, FIRST_FD)
    os.close(made)
    owner.callback(os.close, fd)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
