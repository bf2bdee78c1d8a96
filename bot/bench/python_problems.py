"""Python problems: a module with a stub, and hidden asserts as a pytest file with one case per assert."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Sequence

from bot.bench.problems import Hidden, Problem, stub_text
from bot.errors import ConfigError

SOLUTION = "solution.py"
HIDDEN = "tests/test_hidden.py"
SAYS = "raises NotImplementedError"
PYPROJECT = '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n'
REQUIREMENTS = ("requirements-test.txt", "hypothesis\npytest\n")  # what the one environment has
SMOKE = """import solution


def test_the_module_can_be_imported():
    assert callable(solution.{entry})
"""
PREAMBLE = '''"""Hidden tests: run once, on what was submitted."""
import solution as _submitted
globals().update({_k: _v for _k, _v in vars(_submitted).items() if not _k.startswith("__")})
'''


def problem(identity: str, entry: str, declaration: str) -> Problem:
    """``declaration`` ends inside of the function, after its docstring. Raises ConfigError."""
    stub = f"{declaration.rstrip()}\n    raise NotImplementedError\n"
    if entry not in {node.name for node in parsed(stub, identity).body if isinstance(node, ast.FunctionDef)}:
        raise ConfigError(f"{identity}: its text declares no function {entry}.")
    return Problem(
        id=identity,
        language="python",
        entry=entry,
        title=f"Implement {entry}",
        text=stub_text(entry, SOLUTION, declaration, language="python", says=SAYS),
        files=(
            (SOLUTION, stub),
            ("pyproject.toml", PYPROJECT),
            REQUIREMENTS,
            ("tests/test_solution.py", SMOKE.format(entry=entry)),
        ),
        solution=SOLUTION,
    )


def from_check(source: str, entry: str, identity: str) -> Hidden:
    """HumanEval's form: ``def check(candidate)`` with asserts in it, and helpers around it.

    A case is a statement of ``check`` that holds an assert, a loop over asserts counts once; the statements
    before it that hold none are done again for each case. Asserts of a constant test nothing and do not
    count.
    """
    tree = parsed(source, identity)
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    if len(checks) != 1 or len(checks[0].args.args) != 1:
        raise ConfigError(f"{identity}: its test has no function check(candidate).")
    (check,) = checks
    around = [node for node in tree.body if node is not check and not _calls(node, "check")]
    bind = f"{check.args.args[0].arg} = _submitted.{entry}"
    setup: list[ast.stmt] = []
    bodies = []
    for statement in check.body:
        if any(map(_tells, ast.walk(statement))):
            bodies.append("\n".join([bind, *map(ast.unparse, (*setup, statement))]))
        elif not _is_vain(statement):
            setup.append(statement)
    return _file("\n".join(map(ast.unparse, around)), bodies, identity)


def from_asserts(asserts: Sequence[str], setup: str, identity: str) -> Hidden:
    """MBPP's form: each string is a case."""
    for text in asserts:
        parsed(text, identity)
    return _file(setup, [text.strip() for text in asserts], identity)


def parsed(source: str, identity: str) -> ast.Module:
    """Raises ConfigError: a problem that cannot be parsed cannot be measured."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in old docstrings
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{identity}: its code cannot be parsed: {error}.") from None


def _file(around: str, bodies: Iterable[str], identity: str) -> Hidden:
    parts, cases = [PREAMBLE, around], []
    for number, body in enumerate(bodies, start=1):
        name = f"test_hidden_{number:03}"
        lines = "\n".join(f"    {line}" for line in ast.unparse(parsed(body, identity)).splitlines())
        parts.append(f"def {name}():\n{lines}\n")
        cases.append(f"{HIDDEN}::{name}")
    if not cases:
        raise ConfigError(f"{identity}: it has no hidden test.")
    return Hidden(files=((HIDDEN, "\n\n".join(parts) + "\n"),), cases=tuple(cases))


def _tells(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant)


def _is_vain(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assert | ast.Pass)


def _calls(node: ast.stmt, name: str) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id=called))):
            return called == name
    return False
