"""What a configuration asks of an environment, in a real sandbox, and over one whose answers are written."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from sandbox import Command, Completed, Network, Overlay, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environments import BuildFailed, detect
from sandbox.environments.build import quiet
from sandbox.environments.cache import key_of
from sandbox.environments.types import Recipe
from sandbox.environments.wishes import Interpreter, interpreter, set_up
from tests.environments.scripted import ScriptedSandboxes, completed

PLAIN = Recipe(ecosystem="python", whole=(), goals=(), tools=())
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.bubblewrap
def test_set_up_in_a_real_sandbox(make_tree, tmp_path) -> None:
    tree = make_tree({"sub/data.txt": "42\n"})
    environment = tmp_path / "env"
    environment.mkdir(mode=0o777)
    environment.chmod(0o777)
    sandboxes = BubblewrapSandboxes()
    spec = SandboxSpec(tree=tree, environment=environment, network=Network.REGISTRIES, label="build")
    with sandboxes.open(spec) as sandbox:
        found = interpreter(replace(PLAIN, python=HERE), sandbox, sandboxes.python)
        assert isinstance(found, Interpreter)
        assert found.version.startswith(f"{HERE}.")
        missing = interpreter(replace(PLAIN, python="3.99"), sandbox, sandboxes.python)
        assert isinstance(missing, BuildFailed)
        assert "asks for Python 3.99; the sandbox has 3." in missing.reason
        good = ("cd sub", "word=answer", 'echo "$word $(cat data.txt)" > /env/made; touch left')
        assert set_up(replace(PLAIN, setup=good), sandbox, quiet) is None
        failed = set_up(replace(PLAIN, setup=("true", "echo gone wrong; false", "true")), sandbox, quiet)
    assert (environment / "made").read_text() == "answer 42\n"
    assert not (tree / "sub" / "left").exists()
    assert failed is not None
    assert "status 1" in failed.reason
    assert "+ echo gone wrong; false" in failed.output
    assert "gone wrong" in failed.output.splitlines()


@pytest.mark.parametrize(
    ("wanted", "there", "program"),
    [
        ("", {}, "/usr/bin/python3"),
        ("3.11", {}, "/usr/bin/python3"),
        ("3.12", {"python3.12": "3.12.1"}, "python3.12"),
        ("3.12", {"/usr/local/bin/python3.12": "3.12.1"}, "/usr/local/bin/python3.12"),
        ("3.1", {"python3.1": "3.1.5"}, "python3.1"),
        ("3.12", {"python3.12": "3.11.9"}, None),  # it is not what its name says
    ],
)
def test_the_interpreter_that_is_wanted(wanted: str, there: dict[str, str], program: str | None) -> None:
    versions = {"/usr/bin/python3": "3.11.7", **there}

    def answer(command: Command, overlay: Overlay) -> Completed:  # noqa: ARG001
        version = versions.get(command.argv[0])
        return completed(127) if version is None else completed(out=version)

    with ScriptedSandboxes(answer).open(SandboxSpec()) as sandbox:
        found = interpreter(replace(PLAIN, python=wanted), sandbox, "/usr/bin/python3")
    assert (found.program if isinstance(found, Interpreter) else None) == program


def test_wishes_make_another_environment(make_tree) -> None:
    recipe = detect(make_tree({"a.py": ""}))
    assert isinstance(recipe, Recipe)
    sandboxes = ScriptedSandboxes(lambda _command, _overlay: completed())
    wished = (recipe, replace(recipe, setup=("make",)), replace(recipe, python="3.12"))
    assert len({key_of(each, sandboxes) for each in wished}) == 3
