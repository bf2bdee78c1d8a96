"""What tests import: the dependencies that a repository uses but states only in its CI files, if anywhere."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sandbox.environments.files import read_text

_MAX_FILES = 3000

# Modules that tests use a lot → what the registry calls them. Written out, because taking any imported name
# as the name of something to install is how typing errors become somebody else's code.
KNOWN = {
    "attr": "attrs", "attrs": "attrs", "yaml": "PyYAML", "dateutil": "python-dateutil",
    "bs4": "beautifulsoup4", "PIL": "Pillow", "hypothesis": "hypothesis", "freezegun": "freezegun",
    "mock": "mock", "six": "six", "parameterized": "parameterized", "pytz": "pytz", "numpy": "numpy",
    "pandas": "pandas", "requests": "requests", "responses": "responses", "pytest_mock": "pytest-mock",
    "pytest_asyncio": "pytest-asyncio", "lxml": "lxml", "simplejson": "simplejson", "toml": "toml",
    "tomli": "tomli", "typing_extensions": "typing-extensions", "jsonschema": "jsonschema",
    "httpx": "httpx", "flask": "flask", "django": "django", "click": "click", "jinja2": "Jinja2",
    "markupsafe": "MarkupSafe", "sortedcontainers": "sortedcontainers", "ddt": "ddt",
    "pyfakefs": "pyfakefs", "testfixtures": "testfixtures", "trio": "trio", "anyio": "anyio",
    "pydantic": "pydantic", "orjson": "orjson", "ujson": "ujson", "msgpack": "msgpack",
    "sqlalchemy": "SQLAlchemy", "babel": "Babel", "docutils": "docutils", "pygments": "Pygments",
    "packaging": "packaging", "psutil": "psutil", "nose": "nose", "pkg_resources": "setuptools<81",
    "setuptools": "setuptools", "pyparsing": "pyparsing", "ply": "ply", "syrupy": "syrupy",
    "faker": "Faker", "marshmallow": "marshmallow", "pexpect": "pexpect", "tzdata": "tzdata",
    "time_machine": "time-machine", "sybil": "sybil", "regex": "regex", "cryptography": "cryptography",
    "werkzeug": "Werkzeug", "rich": "rich", "wcwidth": "wcwidth", "typeguard": "typeguard",
    "tzlocal": "tzlocal",
}  # fmt: skip


def required_imports(tree: Path, sources: tuple[str, ...], *, declared_nothing: bool) -> tuple[str, ...]:
    """Top-level modules, neither of the standard library nor of the tree, that test files import
    unconditionally; of all files where the repository declares no dependency at all."""
    own = _names_in(sources)
    files = [path for path in sources if declared_nothing or _is_test(path)][:_MAX_FILES]
    found = {name for path in files for name in top_level_imports(read_text(tree, path) or "")}
    return tuple(sorted(found - own - sys.stdlib_module_names))


def _is_test(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool(
        re.match(r"(test_.*|.*_test|conftest|tests)\.py$", pure.name)
        or {"test", "tests", "testing"} & set(pure.parts)
    )


def _names_in(sources: tuple[str, ...]) -> set[str]:
    return {part for path in sources for part in PurePosixPath(path).with_suffix("").parts}


def top_level_imports(source: str) -> Iterator[str]:
    """Names imported by statements of the module's own body: not in ``try``, ``if`` or a function."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
