"""What lies in deploy/ is sound: it parses, names what exists, and gives nothing away."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from bot.cli.main import app
from bot.settings_table import settings_table

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("server", "worker")
INSTRUCTIONS = frozenset(
    ("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "USER", "VOLUME", "WORKDIR")
)


def is_setting(name: str) -> bool:
    return f"| `{name}` |" in settings_table()


def parses(words: list[str]) -> None:
    """Raises click's error for a command or option that does not exist."""
    group = typer.main.get_command(app)
    context = group.make_context("codeagent", list(words), resilient_parsing=True)
    name, command, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]
    command.make_context(name, rest)


def instructions(name: str) -> list[tuple[str, str]]:
    text = (DEPLOY / name).read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = lines.replace("\\\n", " ").splitlines()
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined if line.strip())
    ]


@pytest.mark.parametrize("service", OURS)
def test_compose_runs_commands_that_exist(service: str) -> None:
    parses(SERVICES[service]["command"])
    build = SERVICES[service]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_compose_names_settings_that_exist() -> None:
    for service in OURS:
        for name in SERVICES[service]["environment"]:
            assert is_setting(name), name


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_service_gets_the_host(service: str) -> None:
    told = SERVICES[service]
    assert "docker.sock" not in json.dumps(told)
    assert not told.get("privileged")
    assert not {"network_mode", "pid", "ipc", "userns_mode", "cap_add", "devices"} & set(told)
    for volume in told.get("volumes", []):
        assert volume.partition(":")[0] in COMPOSE["volumes"], "a directory of the host"
    for port in told.get("ports", []):
        assert port.startswith("127.0.0.1:")
    if service in OURS:
        assert told["cap_drop"] == ["ALL"]
        assert told["read_only"] is True
        assert "no-new-privileges:true" in told["security_opt"]


def test_only_workers_may_make_namespaces_and_the_profile_refuses_the_rest() -> None:
    assert SERVICES["server"]["security_opt"] == ["no-new-privileges:true"]
    (profile,) = [option for option in SERVICES["worker"]["security_opt"] if option.startswith("seccomp=")]
    rules = json.loads((DEPLOY / profile.partition("=")[2]).read_text())
    (refused,) = rules["syscalls"]
    assert refused["action"] == "SCMP_ACT_ERRNO"
    assert {"keyctl", "bpf", "kexec_load", "init_module", "open_by_handle_at"} <= set(refused["names"])
    assert not {"clone", "unshare", "mount", "pivot_root", "umount2"} & set(refused["names"])


def test_a_job_has_time_to_close_its_sandboxes() -> None:
    from bot.serve import WINDING_DOWN

    for service in OURS:
        assert float(SERVICES[service]["stop_grace_period"].removesuffix("s")) > WINDING_DOWN


def test_example_env_names_settings_that_exist() -> None:
    names = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)
    own = {"POSTGRES_PASSWORD", "PRIVATE_KEY_FILE"}
    assert own <= set(names)
    assert [name for name in names if name not in own and not is_setting(name)] == []


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.sandbox"])
def test_dockerfile(name: str) -> None:
    found = instructions(name)
    assert {word for word, _ in found} <= INSTRUCTIONS
    assert all("latest" not in rest for word, rest in found if word in ("FROM", "ARG"))
    for word, rest in found:
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()
    shells = [rest for word, rest in found if word == "RUN"]
    for script in shells:
        assert subprocess.run(("sh", "-n", "-c", script), check=False).returncode == 0, script
        assert "curl" not in script
        assert "wget" not in script


def test_the_bot_s_image() -> None:
    found = instructions("Dockerfile")
    assert any("--require-hashes -r requirements.lock" in rest for word, rest in found if word == "RUN")
    users = [rest for word, rest in found if word == "USER"]
    assert users[-1].split(":")[0].isdigit()
    assert int(users[-1].split(":")[0]) > 0
    ((_, entry),) = [row for row in found if row[0] == "ENTRYPOINT"]
    assert json.loads(entry)[-1] == "codeagent"
    ((_, command),) = [row for row in found if row[0] == "CMD"]
    parses(json.loads(command))
    for word, rest in found:
        if word == "ENV":
            names = [pair.partition("=")[0] for pair in shlex.split(rest)]
            assert all(is_setting(n) for n in names if n.startswith("CODEAGENT_"))


def test_the_unit_runs_a_command_that_exists() -> None:
    text = (DEPLOY / "codeagent.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    parses(shlex.split(line)[1:])
    for name in re.findall(r"(CODEAGENT_\w+)=", text):
        assert is_setting(name), name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_is_understood_by_systemd(tmp_path: Path) -> None:
    text = (DEPLOY / "codeagent.service").read_text()
    unit = tmp_path / "codeagent.service"
    unit.write_text(text.replace("ExecStart=/opt/codeagent/bin/codeagent", "ExecStart=/bin/true"))
    done = subprocess.run(("systemd-analyze", "verify", unit), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
