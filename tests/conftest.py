"""What a test may need of the machine. A missing part skips the test and says why at the end of the run; with
CODEAGENT_TESTS_NO_SKIP=1 (continuous integration) it fails instead."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

NO_SKIP = os.environ.get("CODEAGENT_TESTS_NO_SKIP") == "1"
ROOT = Path(__file__).resolve().parent.parent
NPM_MODULES = ROOT / "tests" / "npm" / "node_modules"
IMAGE = "codeagent-base:bookworm"


def _runs(*argv: str) -> bool:
    if shutil.which(argv[0]) is None:
        return False
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0


@functools.cache
def missing_docker() -> str:
    if not _runs("docker", "version"):
        return "no Docker daemon answers: install docker.io and start dockerd"
    if not _runs("docker", "image", "inspect", IMAGE):
        return f"no image {IMAGE}: run deploy/base-image.sh as root"
    return ""


@functools.cache
def missing_bubblewrap() -> str:
    if _runs("bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"):
        return ""
    return "bubblewrap does not work here: apt-get install bubblewrap, allow user namespaces"


@functools.cache
def missing_postgres() -> str:
    if any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb"):
        return ""
    return "no PostgreSQL server programs: apt-get install postgresql"


@functools.cache
def missing_npm() -> str:
    if (NPM_MODULES / "@octokit").is_dir():
        return ""
    return "no npm test tools: make npm-tools"


@functools.cache
def missing_network() -> str:
    from pip._internal.models.index import PyPI

    try:
        with urllib.request.urlopen(PyPI.simple_url + "/six/", timeout=20):
            return ""
    except (urllib.error.URLError, OSError) as error:
        return f"the package registry cannot be reached: {error}"


CAPABILITIES: dict[str, Callable[[], str]] = {
    "docker": missing_docker,
    "bubblewrap": missing_bubblewrap,
    "postgres": missing_postgres,
    "npm": missing_npm,
    "network": missing_network,
}


@pytest.fixture(autouse=True)
def _capabilities(request: pytest.FixtureRequest) -> None:
    for name, missing in CAPABILITIES.items():
        if request.node.get_closest_marker(name) is None:
            continue
        if reason := missing():
            if NO_SKIP:
                pytest.fail(f"nothing may be skipped in this mode: {reason}")
            pytest.skip(reason)
