"""The two scripts of the Action, with programs in the place of Docker, bubblewrap, sudo and Python."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.support import ROOT

DEFAULT, OTHER = "codeagent-base:bookworm", "example.org/sandbox:1"
NEEDED = ("bash", "dirname", "cat", "touch", "uname", "sha256sum", "test")

DOCKER = """#!/bin/bash
echo "docker $*" >> {log}
case "$1 $2" in
  "version ") exit {daemon} ;;
  "image inspect") exit {image} ;;
  build*) cat >> {log}; exit {build} ;;
  pull*) exit {pull} ;;
esac
"""
BWRAP = '#!/bin/bash\necho "bwrap" >> {log}\ntest -e {allowed}\n'
SUDO = '#!/bin/bash\necho "sudo $*" >> {log}\ncase "$*" in *sysctl*) touch {allowed} ;; esac\n'


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the machine is like (0: works), what is asked for, how it ends and what was done for it."""

    choice: str = "auto"
    image: str = DEFAULT
    daemon: int = 0
    there: int = 1
    build: int = 0
    pull: int = 0
    hosted: bool = False
    user_namespaces: bool = False
    code: int = 0
    did: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


ROWS = {
    "an image that is there": Row(there=0, never=("docker build", "docker pull", "bwrap")),
    "the default image is built": Row(
        did=("docker build", "ARG BASE=debian"), never=("docker pull", "bwrap")
    ),
    "another one is pulled": Row(image=OTHER, did=(f"docker pull --quiet {OTHER}",), never=("docker build",)),
    "no image, but bubblewrap": Row(build=1, user_namespaces=True, did=("bwrap",)),
    "only Docker will do": Row(choice="docker", build=1, user_namespaces=True, code=1, never=("bwrap",)),
    "only bubblewrap will do": Row(choice="bubblewrap", user_namespaces=True, never=("docker",)),
    "no Docker on GitHub's machine": Row(daemon=1, hosted=True, did=("sudo -n sysctl",)),
    "a machine of one's own is not changed": Row(daemon=1, code=1, never=("sudo",)),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_sandbox_is_prepared(name: str, tmp_path: Path) -> None:
    row, log, allowed = ROWS[name], tmp_path / "log", tmp_path / "allowed"
    log.touch()
    if row.user_namespaces:
        allowed.touch()
    docker = DOCKER.format(log=log, daemon=row.daemon, image=row.there, build=row.build, pull=row.pull)
    programs = {
        "docker": docker,
        "bwrap": BWRAP.format(log=log, allowed=allowed),
        "sudo": SUDO.format(log=log, allowed=allowed),
    }
    done = subprocess.run(
        (shutil.which("bash") or "bash", str(ROOT / "deploy/action-sandbox.sh"), row.choice, row.image),
        env={
            "PATH": str(_programs(tmp_path / "bin", programs)),
            "RUNNER_ENVIRONMENT": "github-hosted" if row.hosted else "self-hosted",
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    did = log.read_text()
    assert done.returncode == row.code, done.stdout.decode() + did
    assert [each for each in row.did if each not in did] == []
    assert [each for each in row.never if each in did] == []


def test_without_a_python_it_says_what_to_do(tmp_path: Path) -> None:
    old = "#!/bin/bash\nexit 1\n"
    done = subprocess.run(
        (shutil.which("bash") or "bash", str(ROOT / "deploy/action-install.sh")),
        env={
            "PATH": str(_programs(tmp_path / "bin", {"python3": old})),
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_ACTION_PATH": str(ROOT),
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"::error title=CodeAgent::Python 3.11 or newer is needed" in done.stdout


def _programs(directory: Path, made: dict[str, str]) -> Path:
    """A PATH with these and a few of the machine's own."""
    directory.mkdir()
    for name in NEEDED:
        if found := shutil.which(name):
            (directory / name).symlink_to(found)
    for name, text in made.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    return directory
