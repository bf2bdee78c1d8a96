"""What GitHub's runner does with a composite action, as far as ours needs it. From the runner's source
(CompositeActionHandler, ActionCommandManager, FileCommandManager, ScriptHandler) and its ADRs 0549 and 1438:

* the steps' environment has no ``INPUT_…`` variables by itself: only what ``env:`` says;
* ``shell: bash`` is ``bash --noprofile --norc -e -o pipefail FILE`` in the workspace;
* each step has empty files of its own for outputs, variables, paths and its summary;
* a failed step ends the action but for steps whose ``if:`` says otherwise, and its failure is the action's;
* lines ``::command::`` of the output are obeyed, until ``::stop-commands::WORD`` and up to ``::WORD::``.

``uses:`` is replaced by what the test registers under the action's name; only a full hash is taken.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.action.expressions import NotEmulated, condition, interpolate

COMMAND = re.compile(r"::([a-z-]+)(?: (.*?))?::(.*)")
ANNOTATIONS = ("error", "warning", "notice", "debug")
OTHERS = ("group", "endgroup", "add-mask", "stop-commands")

Used = Callable[[Mapping[str, str]], None]


@dataclass(frozen=True, kw_only=True)
class Annotation:
    level: str
    message: str
    where: Mapping[str, str]


@dataclass(kw_only=True)
class Ran:
    """What came of an action. ``log`` is everything that was printed, as it was printed."""

    outputs: dict[str, str]
    outcome: str
    log: str
    annotations: list[Annotation]
    groups: list[str]
    summary: str
    codes: dict[str, int]

    def said(self, level: str) -> str:
        return "\n".join(each.message for each in self.annotations if each.level == level)


@dataclass(kw_only=True)
class Machine:
    """A runner with one job. ``environment`` is what the image, the workflow's ``env:`` and GitHub set."""

    workspace: Path
    temp: Path
    environment: Mapping[str, str]
    github: Mapping[str, str]
    uses: Mapping[str, Used] = field(default_factory=dict)

    def run(self, action: Path, inputs: Mapping[str, str], *, patience: float = 280) -> Ran:
        text = (action / "action.yml").read_text()
        document = yaml.load(text, Loader=yaml.BaseLoader)
        assert document["runs"]["using"] == "composite"
        job = _Job(machine=self, action=action, document=document, patience=patience)
        job.take(inputs)
        for step in document["runs"]["steps"]:
            job.step(step)
        return job.end()


@dataclass(kw_only=True)
class _Job:
    machine: Machine
    action: Path
    document: Mapping[str, Any]
    patience: float
    inputs: dict[str, str] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)
    status: str = "success"
    log: list[str] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    number: int = 0

    def take(self, given: Mapping[str, str]) -> None:
        known = self.document["inputs"]
        assert set(given) <= set(known), f"no such input: {set(given) - set(known)}"
        for name, about in known.items():
            default = interpolate(about.get("default", ""), {"github": self.machine.github})
            self.inputs[name] = given.get(name, default)

    @property
    def contexts(self) -> dict[str, Any]:
        github = {**self.machine.github, "action_path": str(self.action)}
        return {"inputs": self.inputs, "github": github, "steps": self.steps}

    def step(self, step: Mapping[str, Any]) -> None:
        unknown = set(step) - {"id", "name", "if", "run", "shell", "env", "uses", "with"}
        if unknown:
            raise NotEmulated(f"keys {unknown} of a step")
        if not condition(step.get("if"), self.contexts, self.status):
            return
        self.number += 1
        name = step.get("id", step.get("name", str(self.number)))
        env = {key: interpolate(value, self.contexts) for key, value in step.get("env", {}).items()}
        if "uses" in step:
            self._use(step)
            return
        assert step["shell"] == "bash", "a composite step names its shell"
        outputs, code = self._script(interpolate(step["run"], self.contexts), env)
        self.codes[name] = code
        if "id" in step:
            self.steps[step["id"]] = {"outputs": outputs, "outcome": "failure" if code else "success"}
        if code:
            self.status = "failure"

    def _use(self, step: Mapping[str, Any]) -> None:
        name, _, ref = step["uses"].partition("@")
        assert re.fullmatch(r"[0-9a-f]{40}", ref), f"{step['uses']} is not pinned by a full hash"
        if name not in self.machine.uses:
            raise NotEmulated(f"uses: {name}")
        self.machine.uses[name](
            {key: interpolate(value, self.contexts) for key, value in step.get("with", {}).items()}
        )

    def _script(self, script: str, env: Mapping[str, str]) -> tuple[dict[str, str], int]:
        place = self.machine.temp / "_runner_file_commands"
        place.mkdir(exist_ok=True)
        names = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        files = {name: place / f"{name.lower()}_{self.number}" for name in names}
        for path in files.values():
            path.touch()
        file = self.machine.temp / f"step-{self.number}.sh"
        file.write_text(script)
        path = os.pathsep.join((*reversed(self.paths), self.machine.environment["PATH"]))
        done = subprocess.run(
            ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(file)),
            cwd=self.machine.workspace,
            env={
                **self.machine.environment,
                "PATH": path,
                **self.variables,
                "GITHUB_ACTION_PATH": str(self.action),
                "RUNNER_TEMP": str(self.machine.temp),
                "GITHUB_WORKSPACE": str(self.machine.workspace),
                **{name: str(path) for name, path in files.items()},
                **env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=self.patience,
            check=False,
        )
        self._read(done.stdout.decode(errors="replace"))
        self.variables.update(_pairs(files["GITHUB_ENV"].read_text()))
        self.paths += files["GITHUB_PATH"].read_text().splitlines()
        self.summary.append(files["GITHUB_STEP_SUMMARY"].read_text())
        return _pairs(files["GITHUB_OUTPUT"].read_text()), done.returncode

    def _read(self, output: str) -> None:
        self.log.append(output)
        stopped = ""
        for line in re.split(r"\r\n|\r|\n", output):
            match = COMMAND.fullmatch(line.lstrip())
            if stopped:
                stopped = "" if line.strip() == f"::{stopped}::" else stopped
            elif match:
                stopped = self._obey(match[1], match[2] or "", match[3])
            elif line.lstrip().startswith("::"):
                raise NotEmulated(f"command {line!r}")

    def _obey(self, name: str, properties: str, message: str) -> str:
        """The word that ends a stop."""
        if name == "stop-commands":
            return message
        if name in ANNOTATIONS:
            where = dict(pair.split("=", 1) for pair in properties.split(",") if pair)
            unescaped = {key: _unescaped(value) for key, value in where.items()}
            self.annotations.append(Annotation(level=name, message=_unescaped(message), where=unescaped))
        elif name == "group":
            self.groups.append(_unescaped(message))
        elif name not in OTHERS:
            raise NotEmulated(f"command {name!r}")
        return ""

    def end(self) -> Ran:
        outputs = {
            name: interpolate(about["value"], self.contexts)
            for name, about in self.document["outputs"].items()
        }
        return Ran(
            outputs=outputs,
            outcome=self.status,
            log="".join(self.log),
            annotations=self.annotations,
            groups=self.groups,
            summary="".join(self.summary),
            codes=self.codes,
        )


def _unescaped(text: str) -> str:
    for code, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, plain)
    return text


def _pairs(text: str) -> dict[str, str]:
    """``name=value`` lines and ``name<<END`` blocks."""
    found: dict[str, str] = {}
    lines = iter(text.removesuffix("\n").split("\n") if text else ())
    for line in lines:
        name, block, end = line.partition("<<")
        if block and "=" not in name:
            value = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            else:
                raise AssertionError(f"the block of {name} is not ended")
            found[name] = "\n".join(value)
        else:
            name, equals, rest = line.partition("=")
            assert equals, f"neither a pair nor a block: {line!r}"
            found[name] = rest
    return found
