"""A runner's machine for the Action, and the repositories on the double that it works on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.acceptance.support import ISSUE, LABEL, ROOT, with_files
from tests.action.emulation import Machine, Ran
from tests.double.server import Credentials, GitHubDouble

OWNER = "acme"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PARTS = ("action.yml", "requirements.lock", "bot", "agent", "sandbox", "deploy")
UPLOAD = "actions/upload-artifact"
MODEL_KEY = "sk-canary-model-key-4d1f0e9a77c2"
PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write"}


def copy_of_the_action(directory: Path) -> Path:
    """As a runner downloads it: of the repository's files those that the Action needs."""
    directory.mkdir()
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, directory / name)
    return directory


def installed_before(temp: Path, action: Path) -> None:
    """What the action's first step would have installed, without doing it once more: the libraries of the
    environment that the tests run in."""
    venv = temp / "codeagent-venv"
    python = os.path.realpath(sys.executable)
    subprocess.run((python, "-I", "-m", "venv", "--without-pip", venv), check=True, timeout=120)
    lines = f"{action}\n{sysconfig.get_path('purelib')}\n"
    version = sysconfig.get_python_version()
    (venv / "lib" / f"python{version}" / "site-packages" / "codeagent.pth").write_text(lines)
    stamp = sha256((action / "requirements.lock").read_bytes()).hexdigest()
    (venv / ".installed").write_text(f"{stamp}  -\n")


@dataclass(kw_only=True)
class Workplace:
    """One double and one copy of the Action for many jobs. Environments are built once, in ``data``."""

    github: GitHubDouble
    app: Credentials
    place: Path
    action: Path
    jobs: int = 0
    artifacts: dict[str, Path] = field(default_factory=dict)

    def repository(self, name: str, files: Mapping[str, str | bytes | None] | None = None) -> str:
        full = f"{OWNER}/{name}"
        self.github.create_repository(
            full, files=with_files(files or {}), roles={"alice": "maintain", "bob": "read"}
        )
        return full

    def token(self, permissions: Mapping[str, str] = PERMISSIONS) -> str:
        found: str = self.github.access_token(self.app.installation_id, permissions=dict(permissions))
        return found

    def labelled(self, repository: str, issue: tuple[str, str] = ISSUE) -> tuple[int, dict[str, Any]]:
        """An issue of bob's, and the event that alice's label makes. Events in a workflow name no
        installation."""
        number = self.github.create_issue(repository, *issue, author="bob")
        payload = self.github.issues_payload(repository, number, "labeled", "alice", LABEL)
        payload.pop("installation", None)
        return number, payload

    def job(
        self,
        repository: str,
        event: str,
        payload: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        *,
        token: str = "",
        workspace: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        actor: str = "alice",
        ready: bool = True,
    ) -> Ran:
        """Runs the action as the only step of a job."""
        self.jobs += 1
        home = self.place / f"job-{self.jobs}"
        folders = [home / name for name in ("work", "temp", "user")]
        for folder in (home, *folders):
            folder.mkdir()
        work, temp, user = folders
        for path, text in (workspace or {}).items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        event_path = temp / "event.json"
        event_path.write_text(json.dumps(payload))
        if ready:
            installed_before(temp, self.action)
        token = token or self.token()
        machine = Machine(
            workspace=work,
            temp=temp,
            environment={
                **self._image(user),
                **self._event(repository, event, event_path, actor),
                "CODEAGENT_DATA_DIR": str(self.place / "data"),
                **(env or {}),
            },
            github={"token": token, "run_id": str(1000 + self.jobs)},
            uses={UPLOAD: self._upload},
        )
        return machine.run(self.action, {"sandbox": "bubblewrap", **(inputs or {})})

    def _image(self, user: Path) -> dict[str, str]:
        """What a GitHub-hosted Ubuntu runner has; and how this machine reaches package registries."""
        registries = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        return {
            **registries,
            "PATH": PATH,
            "HOME": str(user),
            "LANG": "C.UTF-8",
            "CI": "true",
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            "RUNNER_ENVIRONMENT": "self-hosted",
            "RUNNER_TOOL_CACHE": str(user / "toolcache"),
        }

    def _event(self, repository: str, event: str, path: Path, actor: str) -> dict[str, str]:
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": actor,
            "GITHUB_TRIGGERING_ACTOR": actor,
            "GITHUB_API_URL": self.github.api_url,
            "GITHUB_SERVER_URL": self.github.site,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REPOSITORY": repository,
            "GITHUB_REPOSITORY_ID": str(self.github.repository(repository).id),
            "GITHUB_RUN_ID": str(1000 + self.jobs),
            "GITHUB_RUN_ATTEMPT": "1",
        }

    def _upload(self, given: Mapping[str, str]) -> None:
        self.artifacts[given["name"]] = Path(given["path"])
        assert given["name"] not in ("", "artifact")
