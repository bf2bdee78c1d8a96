"""Runs inside: which names the installed packages have, read from their source and never imported.

Given on standard input and started with ``-I -S``: no code of the environment runs, not even its ``.pth``
files. Only the standard library, and syntax of Python 3.8: the interpreter is the sandbox's. The answer is
one JSON object on standard output, bounded; the host does not trust it (agent/context/packages.py).
"""

from __future__ import annotations

import ast
import glob
import importlib
import importlib.metadata
import json
import os
import pkgutil
import re
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterator

SECONDS = 20.0
FILES = 2000
BYTES = 30 << 20
FILE_BYTES = 1 << 20
ANSWER = 3 << 20  # characters
NAMES = 400  # with signature, of one module
BOUND = 3000  # other names of one module
DOC = 100
SIGNATURE = 120
DISTRIBUTIONS = 2000
SKIPPED = {"tests", "test", "__pycache__"}
QUIET_PTH = {"distutils-precedence.pth", "_virtualenv.pth", "a1_coverage.pth"}
HARMLESS_CALLS = {"getLogger", "get_logger", "version", "NewType", "TypeVar", "isinstance"}
NOT_IMPORTED = {
    "antigravity",
    "this",
    "idlelib",
    "tkinter",
    "turtle",
    "turtledemo",
    "test",
    "lib2to3",
    "__main__",
}


def _words(text: str) -> list[str]:
    return text.split()


USUAL = _words("""
    abc argparse array ast asyncio base64 bisect builtins calendar collections collections.abc
    contextlib copy csv datetime decimal difflib enum errno fnmatch fractions functools gc glob gzip
    hashlib heapq hmac html http importlib inspect io ipaddress itertools json keyword locale logging
    lzma math mimetypes numbers operator os os.path pathlib pickle platform pprint queue random re
    secrets shlex shutil signal socket sqlite3 statistics string struct subprocess sys tempfile textwrap
    threading time timeit token tokenize traceback types unicodedata unittest unittest.mock urllib
    urllib.parse urllib.request uuid warnings weakref zipfile zlib zoneinfo
""")


class Budget:
    """What may still be read and answered. Work counts before time, so that the answer seldom depends on the
    machine."""

    def __init__(self) -> None:
        self.end = time.monotonic() + SECONDS
        self.files = FILES
        self.bytes = BYTES
        self.answer = ANSWER

    def take(self, size: int) -> bool:
        self.files -= 1
        self.bytes -= size
        return self.files >= 0 and self.bytes >= 0 and time.monotonic() < self.end

    def say(self, body: object) -> bool:
        self.answer -= len(json.dumps(body))
        return self.answer >= 0


def canonical(name: str | None) -> str:
    return re.sub(r"[-_.]+", "-", name or "").lower()


def versions(places: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Distribution → version, and top-level name → distribution."""
    found: dict[str, str] = {}
    tops: dict[str, str] = {}
    for dist in importlib.metadata.distributions(path=places):
        name = canonical(dist.metadata["Name"])
        if not name or name in found or len(found) >= DISTRIBUTIONS:
            continue
        found[name] = str(dist.version)
        listed = (dist.read_text("top_level.txt") or "").split() or [
            path.as_posix().split("/")[0].split(".")[0] for path in dist.files or () if path.suffix == ".py"
        ]
        for top in listed[:5000]:
            tops.setdefault(top, name)
    return found, tops


# --- Files of a package -----------------------------------------------------------------------------------


def top_level(places: list[str]) -> tuple[list[str], bool]:
    """All importable top-level names, and whether these are surely all."""
    found: set[str] = set()
    sure = True
    pending, seen = deque(places), set(places)
    while pending:
        place = pending.popleft()
        for entry in sorted(os.listdir(place)) if os.path.isdir(place) else ():
            if entry.endswith(".pth") and entry not in QUIET_PTH:
                for line in lines_of(os.path.join(place, entry)):
                    other = os.path.join(place, line)
                    if line.startswith(("import ", "import\t")):
                        sure = False
                    elif line and not line.startswith("#") and len(seen) < 20 and other not in seen:
                        seen.add(other)
                        pending.append(other)
            name = entry.split(".")[0]
            is_module = entry.endswith((".py", ".so")) or os.path.isdir(os.path.join(place, entry))
            if name.isidentifier() and is_module and len(found) < 5000:
                found.add(name)
    return sorted(found), sure


def lines_of(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return [line.strip() for line in stream.read(65536).splitlines()]
    except OSError:
        return []


def submodules(directory: str) -> list[str]:
    found = set()
    for entry in os.listdir(directory):
        name = entry.split(".")[0]
        if not name.isidentifier() or name in ("__init__", "__pycache__"):
            continue
        if entry.endswith((".py", ".so", ".pyd")) or os.path.isdir(os.path.join(directory, entry)):
            found.add(name)
    return sorted(found)


def place_of(name: str, places: list[str]) -> str | None:
    """The file or directory of a dotted module."""
    for place in places:
        stem = os.path.join(place, *name.split("."))
        if os.path.isdir(stem):
            return stem
        if os.path.isfile(stem + ".py"):
            return stem + ".py"
    return None


def modules_of(top: str, places: list[str]) -> Iterator[tuple[str, str]]:
    """(dotted name, file) of a top-level package, shallow ones first; tests left out."""
    pending = deque([top])
    while pending:
        name = pending.popleft()
        place = place_of(name, places)
        if place is None or os.path.islink(place):
            continue
        if place.endswith(".py"):
            yield name, place
            continue
        start = os.path.join(place, "__init__.py")
        if os.path.isfile(start):
            yield name, start
        elif name != top:
            continue  # a folder of data, or a namespace: never sure
        pending.extend(f"{name}.{each}" for each in submodules(place) if each not in SKIPPED)


def parsed(path: str) -> ast.Module | None:
    try:
        size = os.path.getsize(path)
        if size > FILE_BYTES or not os.path.isfile(path):
            return None
        with open(path, "rb") as stream:
            data = stream.read(FILE_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# --- One module -------------------------------------------------------------------------------------------


def bound_names(tree: ast.Module) -> tuple[set[str], set[str], list[str]]:
    """Names that the module binds in any way (rather too many than too few), those of its imported modules,
    and the modules of its star imports."""
    names: set[str] = set()
    imported: set[str] = set()
    stars: list[str] = []
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        name = getattr(node, "name", None)
        if isinstance(name, str):  # definitions, "except … as", patterns
            names.add(name)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name == "*":
                    stars.append("." * getattr(node, "level", 0) + (getattr(node, "module", "") or ""))
                else:
                    names.add(alias.asname or alias.name.split(".")[0])
                    imported.add(alias.asname or alias.name.split(".")[0])
        for field in ("rest",):  # of a mapping pattern
            if isinstance(getattr(node, field, None), str):
                names.add(getattr(node, field))
        pending.extend(ast.iter_child_nodes(node))
    names.update(name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names)
    return names, imported, stars


def dynamic(tree: ast.Module, names: set[str]) -> bool:
    """Whether names may come and go in ways that cannot be read off the source."""
    if "__getattr__" in names or "__path__" in names:
        return True
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in ("globals", "exec", "eval", "__import__"):
            return True
        if isinstance(node, ast.Attribute) and node.attr == "modules" and isinstance(node.value, ast.Name):
            return True  # sys.modules
        if isinstance(node, ast.Call) and _reaches_the_module(node):
            return True
    return any(
        isinstance(node, ast.Attribute) and node.attr == "__dict__"
        for statement in tree.body
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for node in ast.walk(statement)
    )


def _reaches_the_module(call: ast.Call) -> bool:
    called = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if called in ("vars", "locals") and not call.args:
        return True
    if called in ("setattr", "delattr") and call.args:
        return getattr(call.args[0], "id", "") not in ("self", "cls")  # numpy fills numpy.dtypes so
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return called not in HARMLESS_CALLS and any(getattr(each, "id", "") == "__name__" for each in given)


def patches(tree: ast.Module, imported: set[str]) -> set[str]:
    """Attributes that the module sets on what it imported."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and not isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id in imported
    }


def signature(args: ast.arguments, skip: int) -> str:
    positional = [*getattr(args, "posonlyargs", []), *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    defaults += args.defaults
    parts = [_parameter(*pair) for pair in zip(positional, defaults)][skip:]  # noqa: B905  Python 3.10's
    if args.vararg:
        parts.append("*" + args.vararg.arg)
    elif args.kwonlyargs:
        parts.append("*")
    parts += [_parameter(*pair) for pair in zip(args.kwonlyargs, args.kw_defaults)]  # noqa: B905
    if args.kwarg:
        parts.append("**" + args.kwarg.arg)
    return ("(" + ", ".join(parts) + ")")[:SIGNATURE]


def _parameter(arg: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return arg.arg
    shown = repr(default.value)[:20] if isinstance(default, ast.Constant) else "..."
    return arg.arg + "=" + shown


def doc(node: ast.AST) -> str:
    text = ast.get_docstring(node) or ""  # type: ignore[arg-type]
    return text.strip().split("\n")[0][:DOC]


def documented(body: list[ast.stmt], prefix: str = "") -> Iterator[list[str]]:
    """[name, signature, first line of the docstring] of public definitions; of classes their methods too."""
    for node in body:
        public = not getattr(node, "name", "_").startswith("_")
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and public:
            decorators = {getattr(each, "id", "") for each in node.decorator_list}
            skip = 1 if prefix and "staticmethod" not in decorators else 0
            yield [
                prefix + node.name,
                "" if "property" in decorators else signature(node.args, skip),
                doc(node),
            ]
        elif isinstance(node, ast.ClassDef) and public and not prefix:
            made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
            yield [node.name, signature(made[-1].args, 1) if made else "", doc(node)]
            yield from documented(node.body, node.name + ".")
        elif isinstance(node, (ast.If, ast.Try)):
            yield from documented([*node.body, *node.orelse], prefix)


def described(name: str, path: str, distribution: str, tree: ast.Module | None) -> dict[str, object]:
    """What is told of one module. A module that cannot be parsed is there, and nothing is sure of it."""
    inside = submodules(os.path.dirname(path)) if path.endswith("__init__.py") else []
    if tree is None:
        return {"name": name, "of": distribution, "sure": False, "inside": inside}
    names, imported, stars = bound_names(tree)
    shown = list(documented(tree.body))
    package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
    return {
        "name": name,
        "of": distribution,
        "sure": not dynamic(tree, names) and len(names) <= BOUND,
        "names": shown[:NAMES],
        "bound": sorted(names - {one[0] for one in shown[:NAMES]})[:BOUND],
        "origins": origins(tree, package) if path.endswith("__init__.py") else {},
        "stars": sorted({absolute(star, package) for star in stars}),
        "inside": inside,
        "patches": sorted(patches(tree, imported))[:200],
    }


def origins(tree: ast.Module, package: str) -> dict[str, str]:
    """Where a package takes the names from that it offers as its own."""
    found = {}
    top = package.split(".")[0]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            near = node.level or (node.module or "").split(".")[0] in (top, "_" + top)
            if not near:
                continue
            module = absolute("." * node.level + (node.module or ""), package)
            for alias in node.names:
                if alias.name != "*" and not (alias.asname or alias.name).startswith("_"):
                    found[alias.asname or alias.name] = module + "." + alias.name
    return dict(sorted(found.items())[:NAMES])


def absolute(module: str, package: str) -> str:
    dots = len(module) - len(module.lstrip("."))
    if not dots:
        return module
    base = package.split(".")
    base = base[: len(base) - (dots - 1)]
    return ".".join([*base, *([module[dots:]] if module[dots:] else [])])


# --- The standard library: imported, as it is Python's own ------------------------------------------------


def standard(wanted: list[str]) -> Iterator[dict[str, object]]:
    known = getattr(sys, "stdlib_module_names", frozenset(USUAL))
    for name in sorted({*USUAL, *wanted}):
        if name.split(".")[0] not in known or name.split(".")[0] in NOT_IMPORTED:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112  a part of the library that this interpreter was built without
            continue
        names = dir(module)
        inside = [each.name for each in pkgutil.iter_modules(getattr(module, "__path__", ()))]
        yield {
            "name": name,
            "of": "python",
            "sure": "__getattr__" not in names and len(names) <= BOUND,
            "bound": [each for each in names if not each.startswith("__")][:BOUND],
            "inside": sorted(inside),
        }


# --- All --------------------------------------------------------------------------------------------------


def survey(prefix: str, imports: list[str]) -> dict[str, object]:
    places = sorted(
        {os.path.realpath(p) for p in glob.glob(os.path.join(prefix, "lib*/python*/site-packages"))}
    )
    found, distributions = versions(places)
    tops, sure = top_level(places)
    budget = Budget()
    modules: list[dict[str, object]] = []
    for body in standard(imports):
        if budget.say(body):
            modules.append(body)
    cut = []
    asked = {name.split(".")[0] for name in imports}
    asked |= {"_" + top for top in asked if "_" + top in tops}  # where a package keeps its insides: _pytest
    for top in sorted(asked & set(tops)):
        whole = True
        mine = []
        for name, path in modules_of(top, places):
            whole = whole and budget.take(os.path.getsize(path))
            tree = parsed(path) if whole else None
            body = described(name, path, distributions.get(top, ""), tree)
            if not whole or not budget.say(body):
                whole = False
                break
            mine.append(body)
        if not whole:  # what was not read may set names on what was
            cut.append(top)
            for body in mine:
                body["sure"] = False
        modules += mine
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "versions": found,
        "tops": tops,
        "tops_sure": sure and bool(getattr(sys, "stdlib_module_names", ())),
        "stdlib": sorted(getattr(sys, "stdlib_module_names", ())),
        "modules": modules,
        "cut": cut,
    }
