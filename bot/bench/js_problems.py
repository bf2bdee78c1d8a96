"""JavaScript problems: a CommonJS module with a stub, hidden asserts as a file for node's own test runner."""

from __future__ import annotations

import re

from bot.bench.problems import Hidden, Key, Problem, stub_text
from bot.errors import ConfigError

SOLUTION = "solution.js"
HIDDEN = "tests/hidden_{:03}.test.js"  # a file each: one that loops for ever loses no other
SAYS = "throws 'not implemented'"
PACKAGE = '{"name": "solution", "private": true, "type": "commonjs"}\n'
SMOKE = """const test = require('node:test');
const assert = require('node:assert');
const solution = require('../solution.js');

test('the module can be loaded', () => {{ assert.equal(typeof solution.{entry}, 'function'); }});
"""
CASE = """const test = require('node:test');
const assert = require('node:assert');
const candidate = require('../solution.js').{entry};

test('hidden', () => {{ {text} }});
"""


def problem(identity: str, prompt: str) -> Problem:
    """``prompt`` ends with the function's opening brace. Raises ConfigError."""
    entry, declaration = entry_of(identity, prompt), prompt.rstrip()
    stub = f"{declaration}\n    throw new Error('not implemented');\n}}\n\nmodule.exports = {{ {entry} }};\n"
    return Problem(
        id=identity,
        language="js",
        entry=entry,
        title=f"Implement {entry}",
        text=stub_text(entry, SOLUTION, f"{declaration} … }}", language="javascript", says=SAYS),
        files=(
            (SOLUTION, stub),
            ("package.json", PACKAGE),
            ("tests/solution.test.js", SMOKE.format(entry=entry)),
        ),
        solution=SOLUTION,
    )


def key(identity: str, prompt: str, test: str) -> Key:
    """A case is one assert of ``function test()``. There is no reference solution in this benchmark."""
    body = re.search(r"^function test\(\) \{\n(.*?)^\}", test, re.M | re.S)
    first, *asserts = re.split(r"^(?=  assert\.)", body[1] if body else "", flags=re.M)
    if not asserts or not re.fullmatch(r"\s*let candidate = \w+;\s*", first):
        raise ConfigError(f"{identity}: its test is not of the form that MultiPL-E gives it.")
    entry = entry_of(identity, prompt)
    files = tuple(
        (HIDDEN.format(number), CASE.format(entry=entry, text=text.strip()))
        for number, text in enumerate(asserts, start=1)
    )
    return Key(
        hidden=Hidden(files=files, cases=tuple(f"{path}::hidden" for path, _ in files)), reference=None
    )


def entry_of(identity: str, prompt: str) -> str:
    """The function that the prompt leaves open."""
    found = re.findall(r"^function ([A-Za-z_$][\w$]*)\(", prompt, re.M)
    if not found or not prompt.rstrip().endswith("{"):
        raise ConfigError(f"{identity}: its text does not end in an open function.")
    return str(found[-1])
