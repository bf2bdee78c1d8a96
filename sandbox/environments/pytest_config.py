"""What a repository's pytest configuration says: whether there is one, and its default options."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from sandbox.environments.declared import load_ini, load_toml, strings, table
from sandbox.environments.files import read_text

# Flags whose plugin pytest must have, or it stops with a usage error: what the plugin is called in the
# registry.
_PLUGIN_OF_FLAG = {
    "--cov": "pytest-cov", "--no-cov": "pytest-cov", "-n": "pytest-xdist",
    "--numprocesses": "pytest-xdist", "--dist": "pytest-xdist", "--timeout": "pytest-timeout",
    "--benchmark": "pytest-benchmark", "--asyncio-mode": "pytest-asyncio",
    "--reruns": "pytest-rerunfailures", "--doctest-plus": "pytest-doctestplus", "--mypy": "pytest-mypy",
    "--flake8": "pytest-flake8", "--black": "pytest-black", "--isort": "pytest-isort",
    "--ruff": "pytest-ruff", "--mpl": "pytest-mpl", "--randomly": "pytest-randomly",
    "--random-order": "pytest-random-order", "--snapshot": "syrupy", "--html": "pytest-html",
    "--instafail": "pytest-instafail", "--sugar": "pytest-sugar", "--disable-socket": "pytest-socket",
    "--allow-hosts": "pytest-socket", "--nbval": "nbval", "--ds": "pytest-django",
    "--reuse-db": "pytest-django", "--hypothesis": "hypothesis", "--remote-data": "pytest-remotedata",
    "--arraydiff": "pytest-arraydiff", "--checkdocs": "pytest-checkdocs", "--enabler": "pytest-enabler",
    "--strict-parametrization-ids": "", "--pylint": "pytest-pylint",
}  # fmt: skip
_PLUGIN_OF_SETTING = {
    "asyncio_mode": "pytest-asyncio", "DJANGO_SETTINGS_MODULE": "pytest-django", "env": "pytest-env",
    "mock_use_standalone_module": "pytest-mock", "required_plugins": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestConfig:
    """``file`` is the one that pytest would read at the top of the tree; empty: none."""

    file: str = ""
    addopts: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ("test_*.py", "*_test.py")
    required: tuple[str, ...] = ()

    @property
    def plugins(self) -> tuple[str, ...]:
        """Distributions without which pytest refuses the repository's own options."""
        wanted = {_PLUGIN_OF_SETTING.get(setting, "") for setting in self.settings}
        for option in self.addopts:
            wanted |= {name for flag, name in _PLUGIN_OF_FLAG.items() if _starts(option, flag)}
        return tuple(sorted(wanted - {""})) + self.required


def _starts(option: str, flag: str) -> bool:
    if flag == "-n":
        return option == "-n" or (option.startswith("-n") and option[2:].isalnum())
    return option == flag or option.startswith((f"{flag}=", f"{flag}-"))


def pytest_config(tree: Path) -> PytestConfig:
    """In pytest's own order of precedence."""
    pyproject = load_toml(tree, "pyproject.toml")
    candidates: tuple[tuple[str, object], ...] = (
        *((name, _native(tree, name)) for name in ("pytest.toml", ".pytest.toml")),
        *((name, _section(tree, name, "pytest")) for name in ("pytest.ini", ".pytest.ini")),
        ("pyproject.toml", _pyproject(table(pyproject, "tool", "pytest"))),
        ("tox.ini", _section(tree, "tox.ini", "pytest")),
        ("setup.cfg", _section(tree, "setup.cfg", "tool:pytest")),
    )
    for name, values in candidates:
        if isinstance(values, dict):
            return _config(name, values)
    return PytestConfig()


def _native(tree: Path, name: str) -> object:
    if read_text(tree, name) is None:
        return None
    return dict(table(load_toml(tree, name), "pytest"))


def _pyproject(tool: object) -> object:
    legacy = table(tool, "ini_options")
    return dict(legacy) if legacy else dict(table(tool)) or None


def _section(tree: Path, name: str, section: str) -> object:
    text = read_text(tree, name)
    if text is None:
        return None
    ini = load_ini(text)
    if ini.has_section(section):
        return dict(ini[section])
    return {} if name.endswith("pytest.ini") else None  # an empty pytest.ini counts


def _config(name: str, values: dict[str, object]) -> PytestConfig:
    options = values.get("addopts", "")
    files = _words(values.get("python_files"))
    return PytestConfig(
        file=name,
        addopts=_words(options),
        settings=tuple(sorted(values)),
        test_files=files or PytestConfig().test_files,
        required=_words(values.get("required_plugins")),
    )


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value, comments=True))
        except ValueError:
            return tuple(value.split())
    return strings(value)
