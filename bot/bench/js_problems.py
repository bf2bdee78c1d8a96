"""JavaScript problems: a CommonJS module with a stub, hidden asserts as a file for node's own test runner."""

from __future__ import annotations

import re

from bot.bench.problems import HiddenFile, Key, Problem, stub_text
from bot.errors import ConfigError

SOLUTION = "solution.js"
HIDDEN = "tests/hidden.test.js"
SAYS = "throws 'not implemented'"
PACKAGE = '{"name": "solution", "private": true, "type": "commonjs"}\n'
SMOKE = """const test = require('node:test');
const assert = require('node:assert');
const solution = require('../solution.js');

test('the module can be loaded', () => {{ assert.equal(typeof solution.{entry}, 'function'); }});
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
    names = [f"hidden {number:03}" for number in range(1, len(asserts) + 1)]
    cases = [
        f"test('{name}', () => {{\n  {text.strip()}\n}});\n"
        for name, text in zip(names, asserts, strict=True)
    ]
    head = (
        "const test = require('node:test');\nconst assert = require('node:assert');\n"
        f"const candidate = require('../solution.js').{entry};\n"
    )
    content = "\n".join([head, *cases])
    hidden = HiddenFile(path=HIDDEN, content=content, cases=tuple(f"{HIDDEN}::{name}" for name in names))
    return Key(hidden=hidden, reference=None)


def entry_of(identity: str, prompt: str) -> str:
    """The function that the prompt leaves open."""
    found = re.findall(r"^function ([A-Za-z_$][\w$]*)\(", prompt, re.M)
    if not found or not prompt.rstrip().endswith("{"):
        raise ConfigError(f"{identity}: its text does not end in an open function.")
    return str(found[-1])
