"""Carrying out a recipe, with a sandbox whose answers are written down: what is tried, in which order, what
is kept."""

from __future__ import annotations

import base64
import json
import os
import threading
from pathlib import Path

import pytest

from sandbox import Command, Completed, Network, Overlay
from sandbox.environments import BuildFailed, Environment, build, detect, prune
from sandbox.environments.cache import key_of, remove
from sandbox.environments.types import Recipe
from tests.environments.scripted import ScriptedSandboxes, completed

SURVEYED = {
    "installed": {"pytest": "9.0.1", "coverage": "7.1"},
    "importable": ["pytest"],
    "roots": ["src"],
    "generated": {},
    "preload": ["pytest"],
}
FILES = {
    "pyproject.toml": """
[project]
name = "pkg"
dependencies = ["attrs", "six"]
[project.optional-dependencies]
test = ["pytest", "rare"]
""",
    "src/pkg/__init__.py": "",
    "tests/test_pkg.py": "import pytest, pkg\n",
}


class World:
    """Answers commands: ``broken`` is what pip cannot install, ``says`` what it then prints."""

    def __init__(
        self, *, survey: object = SURVEYED, broken: tuple[str, ...] = (), says: str = "ERROR: no"
    ) -> None:
        self.survey, self.broken, self.says = survey, broken, says
        self.python, self.pytest_status = "3.11.7", 5

    def __call__(self, command: Command, overlay: Overlay) -> Completed:  # noqa: ARG002
        words = command.argv
        if words[1] == "-c":
            return completed(out=self.python)
        if "survey.py" in words[-1]:
            return completed(collected={".codeagent/survey.json": json.dumps(self.survey).encode()})
        if "pytest" in words[1:3]:
            return completed(self.pytest_status)
        if "install" in words:
            bad = any(each in words for each in self.broken)
            return completed(1, err=self.says) if bad else completed()
        return completed()


def made(tree: Path, cache: Path, world: World) -> tuple[Environment | BuildFailed, ScriptedSandboxes]:
    recipe = detect(tree)
    assert isinstance(recipe, Recipe)
    sandboxes = ScriptedSandboxes(world)
    return build(recipe, tree, sandboxes, cache), sandboxes


def test_all_in_one_run_where_that_works(make_tree, tmp_path) -> None:
    environment, sandboxes = made(make_tree(FILES), tmp_path / "cache", World())
    assert isinstance(environment, Environment)
    assert sandboxes.installs == [("off", ".", "pytest", "rare", "pytest", "coverage")[1:]]
    spec = sandboxes.specs[0]
    assert spec.network is Network.REGISTRIES
    assert spec.environment is not None
    assert environment.import_roots == ("src", ".")
    assert dict(environment.env)["PYTHONPATH"] == "/workspace/src:/workspace"
    assert environment.tools == ("pytest", "coverage")
    assert environment.directory.is_dir()


def test_goal_by_goal_and_piece_by_piece_where_it_does_not(make_tree, tmp_path) -> None:
    environment, sandboxes = made(make_tree(FILES), tmp_path / "cache", World(broken=("rare",)))
    assert isinstance(environment, Environment)
    assert sandboxes.installs[1:] == [(".",), ("pytest", "rare"), ("pytest",), ("rare",)]
    assert environment.remarks == ("extra test: not installed: rare (no)",)


def test_a_project_that_cannot_be_built_costs_its_dependencies_nothing(make_tree, tmp_path) -> None:
    environment, sandboxes = made(make_tree(FILES), tmp_path / "cache", World(broken=(".",)))
    assert isinstance(environment, Environment)
    assert sandboxes.installs[1:5] == [(".",), ("attrs",), ("six",), ("--no-deps", ".")]
    assert "--no-deps ." in environment.remarks[0]


@pytest.mark.parametrize(
    ("says", "second"),
    [
        ("ModuleNotFoundError: pkg_resources", ("PIP_CONSTRAINT", "/workspace/.codeagent/build.txt")),
        ("fatal: not a git repository", ".codeagent/with_git.py"),
    ],
)
def test_known_remedies(make_tree, tmp_path, says: str, second: object) -> None:
    _, sandboxes = made(make_tree(FILES), tmp_path / "cache", World(broken=(".",), says=says))
    pip = [command for command in sandboxes.commands if "pip" in command.argv]
    assert second in (*pip[1].env, *pip[1].argv)


def test_no_registry_is_a_failure_that_is_not_kept(make_tree, tmp_path) -> None:
    says = "WARNING: Retrying (Retry(total=0)) after connection broken by NewConnectionError"
    failed, _ = made(make_tree(FILES), tmp_path / "cache", World(broken=(".",), says=says))
    assert isinstance(failed, BuildFailed)
    assert failed.reason == "the package registry could not be reached"
    assert [each.name for each in (tmp_path / "cache").iterdir() if each.suffix != ".lock"] == []
    assert isinstance(made(make_tree(FILES), tmp_path / "cache", World())[0], Environment)


@pytest.mark.parametrize(
    ("requires", "outcome"),
    [(">=3.12", "needs Python >=3.12; the sandbox has 3.11.7"), ("<3.11", ""), (">=3.9", "")],
)
def test_requires_python(make_tree, tmp_path, requires: str, outcome: str) -> None:
    tree = make_tree(FILES | {"pyproject.toml": f"[project]\nname='pkg'\nrequires-python='{requires}'\n"})
    environment, sandboxes = made(tree, tmp_path / "cache", World())
    if outcome:
        assert isinstance(environment, BuildFailed)
        assert outcome in environment.reason
        assert len(sandboxes.commands) == 1  # nothing was downloaded
    else:
        assert isinstance(environment, Environment)
        tried = any("--ignore-requires-python" in command.argv for command in sandboxes.commands)
        assert tried is (requires == "<3.11")


def test_what_tests_import_is_taken_from_offers_or_a_list_only(make_tree, tmp_path) -> None:
    tests = "import hypothesis, yaml, something_guessed, sphinx\n"
    pyproject = FILES["pyproject.toml"] + 'docs = ["sphinx>=7"]\n'
    tree = make_tree(FILES | {"tests/test_pkg.py": tests, "pyproject.toml": pyproject})
    environment, sandboxes = made(tree, tmp_path / "cache", World())
    assert isinstance(environment, Environment)
    assert sandboxes.installs[1] == ("hypothesis", "sphinx>=7", "PyYAML")
    assert b"pytest==9.0.1" in (sandboxes.overlays[-3].get(".codeagent/installed.txt") or b"") or any(
        b"pytest==9.0.1" in (overlay.get(".codeagent/installed.txt") or b"") for overlay in sandboxes.overlays
    )
    assert "tests import something_guessed, which nothing here provides" in environment.remarks


def test_an_older_pytest_where_the_newest_refuses_the_configuration(make_tree, tmp_path) -> None:
    class Refusing(World):
        def __call__(self, command: Command, overlay: Overlay) -> Completed:
            if "pytest<9" in command.argv:
                self.pytest_status = 5
            return super().__call__(command, overlay)

    world = Refusing()
    world.pytest_status = 4
    environment, sandboxes = made(make_tree(FILES), tmp_path / "cache", world)
    assert isinstance(environment, Environment)
    assert sandboxes.installs[-1] == ("pytest<9",)
    assert "older than 9" in environment.remarks[0]
    assert sandboxes.argvs_by_network(Network.NONE) == [PYTEST_STARTS] * 2


PYTEST_STARTS = ("/env/bin/python", "-m", "pytest", "--collect-only", "-q", "--ignore-glob=*")


def test_the_repository_s_conftest_never_runs_while_registries_are_reachable(make_tree, tmp_path) -> None:
    _, sandboxes = made(make_tree(FILES), tmp_path / "cache", World())
    build, look = sandboxes.specs
    assert (build.network, look.network) == (Network.REGISTRIES, Network.NONE)  # which makes /env read-only
    assert (look.tree, look.environment, look.limits) == (build.tree, build.environment, build.limits)
    assert sandboxes.argvs_by_network(Network.NONE) == [PYTEST_STARTS]
    assert PYTEST_STARTS not in sandboxes.argvs_by_network(Network.REGISTRIES)


def test_an_environment_is_built_once(make_tree, tmp_path) -> None:
    cache, tree = tmp_path / "cache", make_tree(FILES)
    first, _ = made(tree, cache, World())
    second, sandboxes = made(tree, cache, World())
    assert first == second
    assert not sandboxes.specs
    (tree / "pyproject.toml").write_text(FILES["pyproject.toml"] + "\n# changed\n")
    assert made(tree, cache, World())[1].specs


def test_builders_of_one_environment_wait_for_each_other(make_tree, tmp_path) -> None:
    cache, tree = tmp_path / "cache", make_tree(FILES)
    made_by: list[int] = []

    def one() -> None:
        environment, sandboxes = made(tree, cache, World())
        assert isinstance(environment, Environment)
        made_by.append(len({spec.environment for spec in sandboxes.specs}))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made_by) == [0, 0, 0, 0, 0, 1]


def test_what_a_killed_builder_left_is_not_used(make_tree, tmp_path) -> None:
    cache, tree = tmp_path / "cache", make_tree(FILES)
    recipe = detect(tree)
    assert isinstance(recipe, Recipe)
    left = cache / f"{key_of(recipe, ScriptedSandboxes(World()))}.building" / "env"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    environment, _ = made(tree, cache, World())
    assert isinstance(environment, Environment)
    assert not (environment.directory / "half").exists()


def test_a_key_changes_with_the_sandbox(make_tree) -> None:
    recipe = detect(make_tree(FILES))
    assert isinstance(recipe, Recipe)
    one, two = ScriptedSandboxes(World()), ScriptedSandboxes(World(), identity="scripted:2")
    assert key_of(recipe, one) == key_of(recipe, one)
    assert key_of(recipe, one) != key_of(recipe, two)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_generated_files_are_believed_only_where_they_may_lie(make_tree, tmp_path) -> None:
    tree = make_tree(FILES)
    (tree / "link").symlink_to(tmp_path)
    generated = {
        "src/pkg/_version.py": b64(b"v = 1\n"),
        "src/pkg/__init__.py": b64(b"the tree has it"),
        "../outside.py": b64(b"x"),
        "/etc/passwd": b64(b"x"),
        ".git/config": b64(b"x"),
        ".codeagent/codeagent_pytest.py": b64(b"x"),
        "link/x.py": b64(b"x"),
        "src/pkg/__init__.py/x": b64(b"x"),
        "not base64.py": "%%%",
        "a\nb.py": b64(b"x"),
    }
    environment, _ = made(tree, tmp_path / "cache", World(survey=SURVEYED | {"generated": generated}))
    assert isinstance(environment, Environment)
    assert environment.generated == {"src/pkg/_version.py": b"v = 1\n"}


@pytest.mark.parametrize(
    "survey",
    [
        None, [], {}, "text", {"installed": []}, {"installed": {"a b; c": "1"}, "roots": ["../.."]},
        {"generated": [1], "preload": {"x": 1}, "importable": 3}, {"preload": ["os; evil"], "roots": [3]},
    ],
)  # fmt: skip
def test_a_survey_of_another_shape_is_not_believed(make_tree, tmp_path, survey: object) -> None:
    environment, _ = made(make_tree(FILES), tmp_path / "cache", World(survey=survey))
    assert isinstance(environment, Environment)
    assert environment.preload == ()
    assert environment.import_roots == ("src", ".")


def test_prune_takes_what_was_used_longest_ago(tmp_path) -> None:
    cache = tmp_path / "cache"
    for age, key in enumerate(("new", "middle", "old", "spared")):
        (cache / key / "env").mkdir(parents=True)
        (cache / key / "env" / "data").write_bytes(b"x" * 100_000)
        description = cache / key / "environment.json"
        description.write_text("{}")
        os.utime(description, (1_000_000 - age, 1_000_000 - age))
    (cache / "being.building").mkdir()
    assert prune(cache, 250_000, spare=frozenset({"spared"})) == ("old",)
    assert sorted(each.name for each in cache.iterdir() if each.suffix != ".lock") == [
        "being.building", "middle", "new", "spared",
    ]  # fmt: skip
    assert prune(tmp_path / "nothing", 0) == ()


def test_removal_follows_no_link_and_stops_at_no_mode(tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    hostile = tmp_path / "hostile"
    (hostile / "deep" / "closed").mkdir(parents=True)
    (hostile / "link").symlink_to(outside)
    (hostile / "deep" / "closed" / "file").write_text("")
    (hostile / "deep" / "closed").chmod(0)
    (hostile / "deep").chmod(0)
    remove(hostile)
    assert not hostile.exists()
    assert (outside / "kept").exists()
