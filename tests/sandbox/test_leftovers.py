"""Nothing is left behind: after a close, and after the host process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from sandbox import Command, Limits, Network, SandboxSpec, cgroups
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker import OWNER_LABEL, SOCKET, DockerSandboxes
from sandbox.owner import Owner
from sandbox.registry_proxy import PREFIX, RegistryProxy, sweep

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import sys, threading
from pathlib import Path
from sandbox import Command, Limits, Network, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker import DockerSandboxes
kinds = {"docker": DockerSandboxes, "bubblewrap": BubblewrapSandboxes}
sandboxes = kinds[sys.argv[1]](registries=frozenset({"https://registry.invalid"}))
building = SandboxSpec(environment=Path(sys.argv[2]), network=Network.REGISTRIES)
with sandboxes.open(SandboxSpec(tree=Path(sys.argv[2]))) as one, sandboxes.open(building) as two:
    one.run(Command(argv=("true",)))
    two.run(Command(argv=("true",)))
    script = f"trap '' TERM HUP INT; setsid sleep {sys.argv[3]} & sleep {sys.argv[3]}"
    command = Command(argv=("sh", "-c", script))
    threading.Thread(target=one.run, args=(command,), daemon=True).start()
    threading.Thread(target=two.run, args=(command,), daemon=True).start()
    print("running", flush=True)
    threading.Event().wait()
"""


def traces(pid: int, marker: str) -> list[str]:
    """Everything on this machine that belongs to the host process ``pid``."""
    found = [f"process {name}" for name, line in _command_lines() if marker in line]
    hierarchies = cgroups.find()
    roots = set() if hierarchies is None else set(hierarchies.roots.values())
    found += [str(path) for root in roots for path in root.glob(f"{cgroups.PREFIX}*.{pid}.*")]
    found += [str(path) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*.{pid}.*")]
    return found


def containers(pid: int) -> list[str]:
    client = docker.DockerClient(base_url=SOCKET)
    try:
        listed = client.api.containers(all=True, filters={"label": OWNER_LABEL})
        owners = [Owner.parse(each["Labels"][OWNER_LABEL]) for each in listed]
        return [f"container of {owner}" for owner in owners if owner is not None and owner.pid == pid]
    finally:
        client.close()


def _command_lines() -> Iterator[tuple[str, str]]:
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                yield directory.name, (directory / "cmdline").read_text("utf-8", "replace")
            except OSError:
                continue


def mounts() -> set[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return {line for line in lines if "codeagent" in line}


def until_nothing(found) -> list[str]:
    """Poll for the end of things; what is left when patience is at its end."""
    deadline = time.monotonic() + 30
    while (left := found()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def start_parent(kind: str, directory: Path, marker: str) -> subprocess.Popen[str]:
    parent = subprocess.Popen(
        (sys.executable, "-c", PARENT, kind, str(directory), marker),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "running\n"
    return parent


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_host_process_leaves_nothing(kind, number, tmp_path):
    marker = f"4711{os.getpid()}{number:d}"
    before = mounts()
    with start_parent(kind, tmp_path, marker) as parent:
        deadline = time.monotonic() + 20
        while not any("sleep" in line and marker in line for _, line in _command_lines()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.send_signal(number)
        parent.wait()

    def left() -> list[str]:
        return traces(parent.pid, marker) + (containers(parent.pid) if kind == "docker" else [])

    assert until_nothing(left) == []
    assert mounts() == before


def test_closing_leaves_nothing(sandboxes, tmp_path):
    own = type(sandboxes)(registries=frozenset({"https://registry.invalid"}))
    marker = f"4713{os.getpid()}"
    before = mounts()
    specs = (
        SandboxSpec(tree=tmp_path, limits=Limits(seconds=0.3)),
        SandboxSpec(environment=tmp_path, network=Network.REGISTRIES, limits=Limits(seconds=0.3)),
    )
    mine = set(traces(os.getpid(), marker))
    held = set(os.listdir("/proc/self/fd"))
    for spec in specs:
        with own.open(spec) as sandbox:
            sandbox.run(Command(argv=("sh", "-c", f"setsid sleep {marker} & echo x > y; sleep {marker}")))
            assert set(traces(os.getpid(), marker)) - mine or own.name == "docker"
    assert set(traces(os.getpid(), marker)) - mine == set()
    assert mounts() == before
    if isinstance(own, DockerSandboxes):
        assert not [each for each in containers(os.getpid()) if "test" not in each][1:]
        own.close()
    assert set(os.listdir("/proc/self/fd")) <= held


def test_a_sandbox_that_does_not_start_leaves_nothing(tmp_path):
    marker = f"4712{os.getpid()}"
    mine = set(traces(os.getpid(), marker))
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    broken.chmod(0o755)
    from sandbox import SandboxUnavailable

    with (
        pytest.raises(SandboxUnavailable, match="no such luck"),
        BubblewrapSandboxes(program=str(broken)).open(SandboxSpec()),
    ):
        pass
    assert set(traces(os.getpid(), marker)) == mine


def dead_owner() -> Owner:
    with subprocess.Popen(("sleep", "60")) as other:
        started = int(Path(f"/proc/{other.pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
        other.kill()
    return Owner(place=Owner.current().place, pid=other.pid, started=started)


def test_owners_are_known_dead_or_alive():
    me = Owner.current()
    assert Owner.parse(str(me)) == me
    assert not me.dead
    assert dead_owner().dead
    reused = Owner(place=me.place, pid=me.pid, started=me.started - 1)
    assert reused.dead
    elsewhere = Owner(place="another-machine", pid=1, started=1)
    assert not elsewhere.dead
    assert [Owner.parse(text) for text in ("", "a.b", "a.1.x", "x")] == [None] * 4


def test_what_a_dead_owner_left_is_swept(tmp_path):
    dead, me = dead_owner(), Owner.current()
    (tmp_path / f"{PREFIX}{dead}.abc").mkdir()
    (tmp_path / f"{PREFIX}{me}.abc").mkdir()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{PREFIX}{me}.abc"]


@pytest.mark.bubblewrap
def test_a_group_of_a_dead_owner_is_swept():
    hierarchies = cgroups.find()
    if hierarchies is None:
        pytest.skip("no cgroups can be made here")
    name = f"{cgroups.PREFIX}{dead_owner()}.0"
    made = [root / name for root in dict.fromkeys(hierarchies.roots.values())]
    for directory in made:
        directory.mkdir()
    hierarchies.sweep()
    assert not any(directory.exists() for directory in made)


def test_the_proxy_removes_its_directory():
    with RegistryProxy(frozenset({"https://registry.invalid"})) as proxy:
        directory = proxy.directory
        assert [path.name for path in directory.iterdir()] == ["proxy.sock"]
    assert not directory.exists()
