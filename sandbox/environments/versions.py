"""A version for projects that take theirs from git: the sandbox has no ``.git``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from sandbox.environments.declared import load_toml, table
from sandbox.environments.files import read_text, top_files

_CHANGE_LOGS = re.compile(
    r"(changelog|changes|history|news|release[-_]?notes)(\.(md|rst|txt))?", re.IGNORECASE
)
_HEADING = re.compile(
    r"^\W{0,6}(?:version|release|v)?\W{0,3}(\d+\.\d+(?:\.\d+)*)\b", re.IGNORECASE | re.MULTILINE
)
_STATED = re.compile(r"^(__version__|version|VERSION)\s*(?::\s*\w+\s*)?=\s*.{1,100}$", re.MULTILINE)

VERSION_NAME = "SETUPTOOLS_SCM_PRETEND_VERSION"

# High, so that what depends on the project itself (its own plugins, say) accepts it.
_UNKNOWN = "999.0.0"


def version_env(tree: Path, name: str) -> tuple[tuple[str, str], ...]:
    """Variables that tell each version-from-git tool what to say: setuptools-scm (hatch-vcs uses it), pbr,
    PDM, poetry-dynamic-versioning and uv-dynamic-versioning."""
    version = guess_version(tree)
    suffix = re.sub(r"[-_.]+", "_", name).upper()
    specific = [(f"{VERSION_NAME}_FOR_{suffix}", version)] if suffix else []
    return (
        ("PBR_VERSION", version),
        ("PDM_BUILD_SCM_VERSION", version),
        ("POETRY_DYNAMIC_VERSIONING_BYPASS", version),
        (VERSION_NAME, version),
        *specific,
        ("UV_DYNAMIC_VERSIONING_BYPASS", version),
    )


def guess_version(tree: Path) -> str:
    """The fallback that setuptools-scm is configured with, or the highest version that heads a paragraph of
    the change log, or one above every other."""
    tools = table(load_toml(tree, "pyproject.toml"), "tool")
    for place in (table(tools, "setuptools_scm"), table(tools, "hatch", "version")):
        fallback = place.get("fallback_version", place.get("fallback-version"))
        if isinstance(fallback, str) and _parsed(fallback):
            return fallback
    logs = (path for path in top_files(tree) if _CHANGE_LOGS.fullmatch(PurePosixPath(path).name))
    found = [each for path in logs for each in _headings(read_text(tree, path) or "")]
    return str(max(found)) if found else _UNKNOWN


def _headings(text: str) -> list[Version]:
    versions = (_parsed(number) for number in _HEADING.findall(text[:200_000]))
    return [
        each for each in versions if each is not None and each.major < 1000
    ]  # not a date: 2024.1.2 is a version too


def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def version_lines(tree: Path, sources: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Lines near the top of packages that state a version: metadata made from them would go stale."""
    stated = []
    for path in sources:
        name = PurePosixPath(path).name
        if path.count("/") <= 2 and name in (
            "__init__.py",
            "__about__.py",
            "_version.py",
            "version.py",
            "__version__.py",
        ):
            lines = "\n".join(match[0] for match in _STATED.finditer(read_text(tree, path) or ""))
            if lines:
                stated.append((f"{path}#version", hashlib.sha256(lines.encode()).hexdigest()))
    return tuple(stated)


def unfit(requires: str, python: str) -> str:
    """ "" when the interpreter fits, "too old" or "too new" when it does not. What cannot be read sets no
    bound."""
    try:
        specifiers = SpecifierSet(requires)
        version = Version(python)
    except (InvalidSpecifier, InvalidVersion):
        return ""
    if specifiers.contains(version, prereleases=True):
        return ""
    floors = [each for each in specifiers if each.operator in (">=", ">", "~=")]
    return "too old" if any(not each.contains(version, prereleases=True) for each in floors) else "too new"
