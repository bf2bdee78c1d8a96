"""Bubblewrap for a host process that is not root: a user namespace, and no cgroups."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
PROGRAM = r"""
import sys
from pathlib import Path
from sandbox import Command, Limits, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes

MEMORY = "hoard = []\nwhile True: hoard.append(bytearray(1 << 22))"
FORKS = "import os\nfor _ in range(100):\n if os.fork() == 0: os.read(os.pipe()[0], 1)"
limits = Limits(seconds=3, memory_mib=192, processes=30, disk_mib=32)
sandboxes = BubblewrapSandboxes()
with sandboxes.open(SandboxSpec(tree=Path(sys.argv[1]), limits=limits)) as sandbox:
    def run(*argv):
        completed = sandbox.run(Command(argv=argv))
        print(completed.exit_status, completed.stopped_by, completed.stdout)
    look = "grep -E 'CapEff|NoNewP' /proc/self/status"
    run("sh", "-c", f"id -u; cat file; echo x > file; {look}; chmod 500 . /tmp")
    run("sh", "-c", "cat file; touch /tmp/x new && echo fine; touch /base/x /usr/x 2>/dev/null || echo no")
    run(sandboxes.python, "-c", MEMORY)
    run(sandboxes.python, "-c", FORKS)
    run("sh", "-c", "head -c 100000000 /dev/zero > big 2>/dev/null || stat -c %s big")
    run("sh", "-c", "unshare -U true 2>/dev/null || echo refused")
    run("sh", "-c", "echo still here")
"""


@pytest.fixture
def for_everyone() -> Iterator[Path]:
    """Pytest keeps its own temporary directories closed to other users."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.mark.bubblewrap
def test_a_host_process_that_is_not_root_gets_the_same_walls(for_everyone):
    python = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin")
    if os.geteuid() != 0:
        python = sys.executable
    if python is None or not _is_new_enough(python):
        pytest.skip("as root this needs a system Python that other users may run, 3.11 or newer")
    base = for_everyone
    shutil.copytree(ROOT / "sandbox", base / "code" / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    (base / "tree").mkdir()
    (base / "tree" / "file").write_text("base\n")
    completed = subprocess.run(
        (python, "-c", PROGRAM, str(base / "tree")),
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(base / "code"), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **({"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}),
    )
    lines = completed.stdout.splitlines()
    assert completed.returncode == 0, completed.stderr
    assert lines[0].startswith("0 None b'1000\\nbase\\nCapEff:\\t0000000000000000\\nNoNewPrivs:\\t1")
    assert lines[1] == "0 None b'base\\nfine\\nno\\n'"
    assert lines[2].startswith("None memory")
    assert lines[3].startswith("1 None")
    assert int(lines[4].split("'")[1].removesuffix("\\n")) <= 32 << 20
    assert lines[5:] == ["0 None b'refused\\n'", "0 None b'still here\\n'"]


def _is_new_enough(python: str) -> bool:
    check = "import sys; raise SystemExit(sys.version_info < (3, 11))"
    return subprocess.run((python, "-c", check), check=False).returncode == 0
