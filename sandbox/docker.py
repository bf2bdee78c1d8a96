"""Sandboxes as Docker containers, through the SDK. The only file that imports ``docker``.

One container per sandbox, with the runner as its program, attached over standard input and output: a command
costs no call to the daemon. The container goes when its standard input ends, so also when the host process is
killed.
"""

from __future__ import annotations

import itertools
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount, Ulimit

from sandbox import Network, Sandbox, SandboxSpec, boot
from sandbox.channel import Channel, Demultiplexer
from sandbox.errors import SandboxError, SandboxUnavailable
from sandbox.owner import Owner
from sandbox.registries import Registries
from sandbox.session import Session, greet
from sandbox.staging import stage
from sandbox.way_out import NetworkSettings, WayOut, way_out

IMAGE = "codeagent-base:bookworm"
SOCKET = "unix:///var/run/docker.sock"
OWNER_LABEL = "codeagent.owner"
PROBE = "import sys; print(sys.executable)"
REMOVAL_SECONDS = 20.0


class DockerSandboxes:
    """Implements :class:`sandbox.Sandboxes`.

    ``image`` must hold a ``python3``; it is fetched from its registry only with ``pull=True``. The daemon
    must be on this machine: trees are shown to containers as bind mounts.
    """

    name = "docker"

    def __init__(
        self,
        *,
        image: str = IMAGE,
        base_url: str = SOCKET,
        pull: bool = False,
        timeout_seconds: int = 60,
        registries: frozenset[str] | Registries | None = None,
        ca_bundle: Path | None = None,
    ) -> None:
        self._image = image
        self._base_url = base_url
        self._pull = pull
        self._timeout = timeout_seconds
        self._numbers = itertools.count()
        self._first = threading.RLock()  # many threads may be the first to ask
        self._network = NetworkSettings.of(registries, ca_bundle)
        # A host process that is not root owns what it shows: the same user inside can use it.
        self._uid = os.geteuid() or boot.UID

    @property
    def python(self) -> str:
        with self._first:
            return self._python

    @property
    def identity(self) -> str:
        with self._first:
            return f"docker:{self._image_id}"

    def check(self) -> None:
        """Raise SandboxUnavailable, with what to do, when no sandbox can be made here."""
        with self.open(SandboxSpec(label="check")):
            return

    def close(self) -> None:
        """Let go of the connections to the daemon."""
        if "_client" in self.__dict__:
            self._client.close()

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        return self._opened(spec)

    @contextmanager
    def _opened(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        stage(spec, self._uid)
        with way_out(spec, self._network) as way:
            environment = boot.environment(self.python, spec, way)
            with Session(partial(self._start, way=way), spec, environment) as session:
                yield session

    @cached_property
    def _client(self) -> docker.DockerClient:
        if not self._base_url.startswith("unix://"):
            raise SandboxUnavailable(
                f"the Docker daemon at {self._base_url} is not on this machine: "
                "give the unix:// URL of a local one"
            )
        try:
            # Tried before the SDK does: it leaves its socket open when nobody answers.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self._base_url.removeprefix("unix://"))
            client = docker.DockerClient(base_url=self._base_url, timeout=self._timeout)
        except (DockerException, OSError) as error:
            raise SandboxUnavailable(
                f"no Docker daemon answers at {self._base_url} ({error}): start it (systemctl start docker), "
                "or add this user to the group docker"
            ) from error
        _sweep(client)
        return client

    @cached_property
    def _image_id(self) -> str:
        try:
            return str(self._client.images.get(self._image).id)
        except ImageNotFound as error:
            if not self._pull:
                raise SandboxUnavailable(
                    f"there is no Docker image {self._image}: make it with `deploy/base-image.sh`, "
                    "or name another one that has python3 and allow it to be pulled"
                ) from error
        try:
            return str(self._client.images.pull(self._image).id)
        except DockerException as error:
            raise SandboxUnavailable(f"the Docker image {self._image} cannot be pulled: {error}") from error

    @cached_property
    def _python(self) -> str:
        try:
            output = self._client.containers.run(
                self._image_id,
                entrypoint=["python3", "-I", "-c", PROBE],
                command=[],
                network_mode="none",
                user=f"{self._uid}:{self._uid}",
                cap_drop=["ALL"],
                read_only=True,
                remove=True,
                labels={OWNER_LABEL: str(Owner.current())},
            )
        except DockerException as error:
            raise SandboxUnavailable(
                f"the Docker image {self._image} has no working python3: {error}"
            ) from error
        return bytes(output).decode().strip()

    def _start(self, spec: SandboxSpec, *, way: WayOut | None) -> _Inside:
        label = re.sub(r"[^A-Za-z0-9_.-]", "-", spec.label)[:40]
        with ExitStack() as undo:
            try:
                container = self._client.containers.create(
                    self._image_id,
                    name=f"codeagent-{label}-{os.getpid()}-{next(self._numbers)}-{time.time_ns() % 10**9}",
                    entrypoint=list(boot.argv(self.python)),
                    labels={OWNER_LABEL: str(Owner.current())},
                    user=f"{self._uid}:{self._uid}",
                    mounts=mounts(spec, way),
                    **walls(spec, self._uid),
                )
                undo.callback(_remove, container)
                inside = _Inside(container, self._client)
                undo.callback(inside.close)
                container.start()
            except DockerException as error:
                raise SandboxUnavailable(f"Docker cannot make a sandbox of {self._image}: {error}") from error
            greet(inside, boot.config(spec, way=way))
            undo.pop_all()
            return inside


def walls(spec: SandboxSpec, uid: int = boot.UID) -> dict[str, Any]:
    """What keeps a container in: the same for every one of them but for the numbers."""
    limits = spec.limits
    # Each tmpfs may fill up to the disk limit; all together are held by the memory limit, for they are
    # memory.
    memory = (limits.memory_mib + limits.disk_mib) << 20
    # Where an image has a directory of that name already its mode counts, not ours: the user has to own it.
    tmpfs = f"rw,exec,nosuid,nodev,mode=0777,uid={uid},gid={uid},size={limits.disk_mib}m"
    return {
        "command": [],
        "working_dir": "/",
        "hostname": "sandbox",
        "environment": {},
        "network_mode": "none",
        "ipc_mode": "private",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "tmpfs": dict.fromkeys(("/workspace", "/tmp", boot.HOME), tmpfs),
        "shm_size": limits.disk_mib << 20,
        "pids_limit": limits.processes + boot.OWN_PROCESSES,
        "mem_limit": memory,
        "memswap_limit": memory,  # no swap
        "nano_cpus": int(limits.cpus * 1e9),
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
        # The runner is the container's first process: no command can kill, stop or trace it. Docker's own
        # init would be of the commands' user, and would hold the very streams that answers go through.
        "init": False,
        "stdin_open": True,
        "auto_remove": True,
        "log_config": LogConfig(type="none"),
    }


def mounts(spec: SandboxSpec, way: WayOut | None) -> list[Mount]:
    """The tree and the environment; Docker refuses a source that is not there."""
    shown = []
    if spec.tree is not None:
        shown.append(Mount(boot.BASE, str(spec.tree.resolve()), type="bind", read_only=True))
    if spec.environment is not None:
        built = spec.network is not Network.REGISTRIES
        shown.append(Mount("/env", str(spec.environment.resolve()), type="bind", read_only=built))
    for where, source in ({} if way is None else way.shown).items():
        shown.append(Mount(where, str(source), type="bind", read_only=True))
    return shown


class _Inside:
    """A container and the connection to the runner in it."""

    def __init__(self, container: Container, client: docker.DockerClient) -> None:
        self._container = container
        self._client = client
        self._closed = False
        self._began = 0.0
        self._frames = Demultiplexer()
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        # Attached before it is started: nothing it says can be lost, or be taken for the answer's headers.
        self._attached = cast(Any, container.attach_socket(params=streams))
        self._socket = socket.socket(fileno=os.dup(self._attached.fileno()))
        self.channel = Channel(reads=self._socket.fileno(), writes=self._socket.fileno(), decode=self._frames)

    def kill(self) -> None:
        """The runner sees the end of its requests, kills every other process and leaves."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.kill()
        self._socket.close()
        self._attached._response.close()  # the SDK hangs the answer on its socket, to be kept and closed so
        self._attached.close()
        _remove(self._container)

    def mark(self) -> None:
        self._began = time.time()

    def ran_out_of_memory(self) -> bool:
        """Asked of the daemon's events: the container itself is removed as soon as it ends."""
        events = self._client.api.events(
            since=int(self._began),
            until=int(time.time()) + 1,
            filters={"container": self._container.id, "event": "oom"},
        )
        return any(True for _ in events)

    def complaint(self) -> str:
        return self._frames.errors.decode("utf-8", "replace").strip()


def _remove(container: Container) -> None:
    """Kill and remove, and return when it is gone. Idempotent."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            container.remove(force=True)
        except NotFound:
            return
        except APIError as error:  # "removal is already in progress" when it just ended by itself
            if error.status_code != 409 or time.monotonic() > deadline:
                raise SandboxError(f"the container {container.name} cannot be removed: {error}") from error
            time.sleep(0.01)


def _sweep(client: docker.DockerClient) -> None:
    """Remove the containers whose owner is dead: it was killed, and something held theirs up."""
    for container in client.containers.list(all=True, filters={"label": OWNER_LABEL}, ignore_removed=True):
        owner = Owner.parse(container.labels.get(OWNER_LABEL, ""))
        if owner is not None and owner.dead:
            _remove(container)
