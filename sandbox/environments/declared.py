"""What the files of a Python repository declare: one small reader per format, added up.

Readers are best effort and never raise: a file that does not parse declares nothing, and says so in
``remarks``.
"""

from __future__ import annotations

import ast
import configparser
import fnmatch
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from sandbox.environments import poetry
from sandbox.environments.files import read_text, top_files
from sandbox.environments.requirements import Requirements, clean_all, read_file, unique

Table = Mapping[str, Any]  # what tomllib returns


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencySet:
    """A named list of requirements. ``kind`` is where it was written: an extra can be installed by its
    name."""

    kind: str  # "extra", "group", "file", "tox", "hatch", "setup"
    name: str
    requirements: Requirements = field(default_factory=Requirements)

    @property
    def written(self) -> bool:
        """Whether its content is known; an extra of a setup.py that computes it is not."""
        return bool(self.requirements.names or self.requirements.extras)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    name: str = ""
    requires: str = ""
    installable: bool = False
    dynamic: bool = False  # the build backend alone knows the dependencies
    dependencies: Requirements = field(default_factory=Requirements)
    sets: tuple[DependencySet, ...] = ()
    remarks: tuple[str, ...] = ()

    def __add__(self, other: Declared) -> Declared:
        return Declared(
            name=self.name or other.name,
            requires=self.requires or other.requires,
            installable=self.installable or other.installable,
            dynamic=self.dynamic or other.dynamic,
            dependencies=self.dependencies + other.dependencies,
            sets=(*self.sets, *other.sets),
            remarks=(*self.remarks, *other.remarks),
        )


def declared(tree: Path) -> Declared:
    """Everything that the files of a project directory declare."""
    project = load_toml(tree, "pyproject.toml")
    readers: tuple[Callable[[Path, Table], Declared], ...] = (
        _pep621, _groups, _poetry, _flit, _tools, _setup_cfg, _setup_py, _requirement_files, _tox,
    )  # fmt: skip
    return reduce(lambda total, reader: total + reader(tree, project), readers, _broken(tree, project))


def load_toml(tree: Path, path: str) -> Table:
    """A TOML file as a table; empty when it is missing or does not parse."""
    try:
        return tomllib.loads(read_text(tree, path) or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def load_ini(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return parser


def table(value: object, *keys: str) -> Table:
    """A nested table; empty when something on the way is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def strings(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _broken(tree: Path, project: Table) -> Declared:
    if not project and (read_text(tree, "pyproject.toml") or "").strip():
        return Declared(remarks=("pyproject.toml is not valid TOML and was not read",))
    return Declared()


# --- pyproject.toml ---------------------------------------------------------------------------------------


def _project_name(project: Table) -> str:
    return _text(table(project, "project").get("name")) or _text(table(project, "tool", "poetry").get("name"))


def _pep621(tree: Path, project: Table) -> Declared:
    meta, name = table(project, "project"), _project_name(project)
    dynamic = strings(meta.get("dynamic"))
    from_files = table(project, "tool", "setuptools", "dynamic")
    extras = {**table(meta, "optional-dependencies")}
    sets = [
        DependencySet(kind="extra", name=extra, requirements=clean_all(strings(items), name))
        for extra, items in extras.items()
    ]
    for extra, source in table(from_files, "optional-dependencies").items():
        files = [read_file(tree, path, name) for path in strings(table(source).get("file"))]
        sets.append(DependencySet(kind="extra", name=extra, requirements=_sum(files)))
    files = [read_file(tree, path, name) for path in strings(table(from_files, "dependencies").get("file"))]
    return Declared(
        name=name,
        requires=_text(meta.get("requires-python")),
        installable=bool(meta or table(project, "build-system")),
        dynamic="dependencies" in dynamic,
        dependencies=clean_all(strings(meta.get("dependencies")), name) + _sum(files),
        sets=tuple(sets),
    )


def _sum(parts: list[Requirements]) -> Requirements:
    return reduce(lambda a, b: a + b, parts, Requirements())


def _groups(_tree: Path, project: Table) -> Declared:
    groups, name = table(project, "dependency-groups"), _project_name(project)
    return Declared(
        sets=tuple(
            DependencySet(kind="group", name=group, requirements=clean_all(_group(groups, group), name))
            for group in groups
        )
    )


def _group(groups: Table, name: str, outer: frozenset[str] = frozenset()) -> Iterator[str]:
    """A PEP 735 group with the groups that it includes; a cycle ends where it closes."""
    by_name = {_normal(key): value for key, value in groups.items()}
    items = by_name.get(_normal(name))
    if _normal(name) in outer or not isinstance(items, list):
        return
    for item in items:
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping) and isinstance(item.get("include-group"), str):
            yield from _group(groups, item["include-group"], outer | {_normal(name)})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _poetry(_tree: Path, project: Table) -> Declared:
    tool = table(project, "tool", "poetry")
    groups = {name: table(group, "dependencies") for name, group in table(tool, "group").items()}
    groups["dev"] = {**table(tool, "dev-dependencies"), **groups.get("dev", {})}
    runtime = table(tool, "dependencies")
    extras = {
        name: [
            item
            for key in strings(keys)
            for item in poetry.requirements({key: runtime.get(key)}, optional=True)
        ]
        for name, keys in table(tool, "extras").items()
    }
    sets = [
        *(DependencySet(kind="extra", name=k, requirements=clean_all(v)) for k, v in extras.items()),
        *(
            DependencySet(kind="group", name=k, requirements=clean_all(poetry.requirements(v, optional=True)))
            for k, v in groups.items()
            if v
        ),
    ]
    return Declared(
        requires=poetry.specifier(runtime.get("python")),
        installable=bool(tool) and tool.get("package-mode") is not False,
        dependencies=clean_all(poetry.requirements(runtime)),
        sets=tuple(sets),
    )


def _flit(_tree: Path, project: Table) -> Declared:
    meta = table(project, "tool", "flit", "metadata")  # before flit read PEP 621
    return Declared(
        requires=_text(meta.get("requires-python")),
        dependencies=clean_all(strings(meta.get("requires"))),
        sets=tuple(
            DependencySet(kind="extra", name=name, requirements=clean_all(strings(items)))
            for name, items in table(meta, "requires-extra").items()
        ),
    )


def _tools(_tree: Path, project: Table) -> Declared:
    """Development dependencies in the tables of hatch, pdm, uv and tox."""
    tool, name = table(project, "tool"), _project_name(project)
    found = [("hatch", key, _hatch(env)) for key, env in table(tool, "hatch", "envs").items()]
    found += [("group", key, strings(items)) for key, items in table(tool, "pdm", "dev-dependencies").items()]
    found.append(("group", "dev", strings(table(tool, "uv").get("dev-dependencies"))))
    found.append(("tox", "tox", strings(table(tool, "tox", "env_run_base").get("deps"))))
    return Declared(
        sets=tuple(
            DependencySet(kind=kind, name=key, requirements=clean_all(items, name))
            for kind, key, items in found
            if items
        )
    )


def _hatch(env: object) -> tuple[str, ...]:
    each = table(env)
    return (*strings(each.get("dependencies")), *strings(each.get("extra-dependencies")))


# --- setuptools -------------------------------------------------------------------------------------------


def _setup_cfg(tree: Path, project: Table) -> Declared:
    ini = load_ini(read_text(tree, "setup.cfg") or "")
    options = ini["options"] if ini.has_section("options") else {}
    name = ini.get("metadata", "name", fallback="") or _project_name(project)

    def of(value: str) -> Requirements:
        if value.strip().startswith("file:"):
            files = [part.strip() for part in value.strip().removeprefix("file:").split(",")]
            return _sum([read_file(tree, path, name) for path in files])
        return (
            clean_all(list(re.split(r"[\n]", value)) if "\n" in value else value.split(";;"), name)
            if value
            else Requirements()
        )

    extras = ini["options.extras_require"] if ini.has_section("options.extras_require") else {}
    sets = [DependencySet(kind="extra", name=key, requirements=of(value)) for key, value in extras.items()]
    if tests := options.get("tests_require", ""):
        sets.append(DependencySet(kind="setup", name="tests_require", requirements=of(tests)))
    return Declared(
        name=ini.get("metadata", "name", fallback=""),
        requires=options.get("python_requires", ""),
        installable=ini.has_option("metadata", "name"),
        dependencies=of(options.get("install_requires", "")),
        sets=tuple(sets),
    )


def _setup_py(tree: Path, project: Table) -> Declared:
    """setup.py is never run here: pip runs it in the sandbox. Literal arguments are read for the case that
    it fails."""
    text = read_text(tree, "setup.py")
    if text is None:
        return Declared()
    arguments = setup_arguments(text)
    name = _text(arguments.get("name")) or _project_name(project)
    extras = arguments.get("extras_require")
    sets = [
        DependencySet(kind="extra", name=key, requirements=clean_all(strings(value), name))
        for key, value in (extras.items() if isinstance(extras, dict) else ())
        if isinstance(key, str)
    ]
    tests = clean_all(strings(arguments.get("tests_require")), name)
    if tests.names:
        sets.append(DependencySet(kind="setup", name="tests_require", requirements=tests))
    return Declared(
        name=_text(arguments.get("name")),
        requires=_text(arguments.get("python_requires")),
        installable=True,
        dynamic="install_requires" not in arguments,
        dependencies=clean_all(strings(arguments.get("install_requires")), name),
        sets=tuple(sets),
    )


def setup_arguments(text: str) -> dict[str, object]:
    """Keyword arguments of the setup() call that are literals or names bound to literals at the top."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    names: dict[str, object] = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = _literal(node.value, names)
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and _callee(call.func) == "setup":
            values = {word.arg: _literal(word.value, names) for word in call.keywords if word.arg}
            return {key: value for key, value in values.items() if value is not None}
    return {}


def _callee(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _literal(node: ast.expr, names: Mapping[str, object]) -> object:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return list(value) if isinstance(value, tuple) else value


# --- requirement files and tox ----------------------------------------------------------------------------

_REQUIREMENT_FILES = (
    "*requirements*.txt", "*requirements*.in", "requirements/*.txt", "requirements/*.in",
    "requirements/*.pip", "test/*requirements*.txt", "tests/*requirements*.txt", "reqs/*.txt",
    "*-reqs.txt", "test-deps.txt",
)  # fmt: skip


def _requirement_files(tree: Path, project: Table) -> Declared:
    paths = [
        path
        for path in sorted(top_files(tree))
        if any(
            fnmatch.fnmatch(path, pattern) and path.count("/") == pattern.count("/")
            for pattern in _REQUIREMENT_FILES
        )
    ]
    # pip-tools keeps foo.in beside the foo.txt that was made from it: the pinned one is what the project
    # tests with
    paths = [path for path in paths if not (path.endswith(".in") and f"{path[:-3]}.txt" in paths)]
    name = _project_name(project)
    return Declared(
        sets=tuple(
            DependencySet(kind="file", name=path, requirements=read_file(tree, path, name)) for path in paths
        )
    )


def _tox(tree: Path, project: Table) -> Declared:
    legacy = _text(table(project, "tool", "tox").get("legacy_tox_ini"))
    ini = load_ini(read_text(tree, "tox.ini") or legacy)
    if not ini.has_section("testenv"):
        return Declared()
    section, name = ini["testenv"], _project_name(project)
    wanted, maybe = Requirements(), Requirements()
    for line in section.get("deps", "").splitlines():
        line = line.strip().replace("{toxinidir}/", "").replace("{tox_root}/", "")
        factor = re.match(r"([\w.{},!-]+):\s+(.*)", line)
        included = re.match(r"-r\s*(\S+)", factor[2] if factor else line)
        found = (
            read_file(tree, included[1], name)
            if included
            else clean_all([factor[2] if factor else line], name)
        )
        if not line or (line.startswith(("-", "#", "{")) and not included):
            continue
        wanted, maybe = (wanted, maybe + found) if factor else (wanted + found, maybe)
    extras = Requirements(
        extras=unique(part for part in re.split(r"[\s,]+", section.get("extras", "")) if part)
    )
    return Declared(
        sets=(
            DependencySet(kind="tox", name="tox", requirements=wanted + extras),
            DependencySet(kind="tox", name="factors", requirements=maybe),
        )
    )
