"""One plan step on a state: pure, and byte-exact outside of what it changes."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import replace
from typing import assert_never

from agent.errors import EditDoesNotApply
from agent.protocols import SourceTree
from agent.types import (
    AddTests,
    EditLines,
    MarkTestWrong,
    Operation,
    ReplacePassage,
    RewriteSymbol,
    RunTests,
    State,
    TestFile,
    TestRole,
    WriteFile,
    WriteOutline,
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def apply_operation(state: State, operation: Operation, source: SourceTree) -> State:
    """One plan step on a state; EditDoesNotApply when it does not fit."""
    try:
        return _applied(state, operation, source)
    except UnicodeEncodeError:  # a lone surrogate, in a text or a path
        raise EditDoesNotApply("there is text in it that no file can hold") from None


def _applied(state: State, operation: Operation, source: SourceTree) -> State:
    match operation:
        case WriteOutline(outline=outline):
            return replace(state, outline=outline)
        case AddTests(tests=tests):
            return _with_tests(state, tests, source)
        case MarkTestWrong():
            return _marked(state, operation)
        case EditLines():
            return _write(state, operation.path, _edited(state, operation, source), source)
        case RewriteSymbol():
            return _write(state, operation.path, _rewritten(state, operation, source), source)
        case ReplacePassage():
            return _write(state, operation.path, _replaced(state, operation, source), source)
        case WriteFile(path=path, content=content):
            return _write(state, path, content, source)
        case RunTests():
            return state
        case _:
            assert_never(operation)


def current(state: State, path: str, source: SourceTree) -> bytes | None:
    """A file as it stands in a state."""
    for change in state.patch.changes:
        if change.path == path:
            return change.content
    return source.read(path)


def _with_tests(state: State, tests: tuple[TestFile, ...], source: SourceTree) -> State:
    paths = {test.path for test in tests}
    taken = sorted(path for path in paths if source.read(path) is not None or path in state.patch.paths)
    if taken:
        raise EditDoesNotApply(f"{taken[0]} exists already; a new test goes into a file of its own")
    for test in tests:
        f"{test.path}{test.content}".encode()
    return replace(state, tests=(*(test for test in state.tests if test.path not in paths), *tests))


def _write(state: State, path: str, content: bytes | None, source: SourceTree) -> State:
    """A file that is back to base is no change: the same code is the same state, however it was reached."""
    if any(test.path == path for test in state.tests):
        raise EditDoesNotApply(f"{path} is a test of this state; tests are not edited, they are replaced")
    path.encode()
    if content == source.read(path):
        kept = (change for change in state.patch.changes if change.path != path)
        return replace(state, patch=type(state.patch).of(kept))
    return replace(state, patch=state.patch.with_file(path, content))


def _edited(state: State, edit: EditLines, source: SourceTree) -> bytes:
    content = current(state, edit.path, source)
    if content is None:
        raise EditDoesNotApply(f"there is no file {edit.path}")
    lines = content.splitlines(keepends=True)  # of bytes: only \n, \r and \r\n end a line
    if not 1 <= edit.first <= edit.last + 1 <= len(lines) + 1:
        raise EditDoesNotApply(f"{edit.path} has {len(lines)} lines, not {edit.first} to {edit.last}")
    expected, replacement = edit.expected.encode(), edit.replacement.encode()
    if b"".join(lines[edit.first - 1 : edit.last]) != expected:
        raise EditDoesNotApply(
            f"lines {edit.first} to {edit.last} of {edit.path} read otherwise than the edit says"
        )
    return b"".join([*lines[: edit.first - 1], replacement, *lines[edit.last :]])


def _marked(state: State, mark: MarkTestWrong) -> State:
    """U21. Never the last reproduction: what is left would be proven by nothing."""
    chosen = [test for test in state.tests if test.path == mark.path]
    if not chosen:
        raise EditDoesNotApply(f"there is no test {mark.path} in this state")
    if any(test.given for test in chosen):
        raise EditDoesNotApply(f"{mark.path} was handed in with the task: it is right by definition")
    others = [test for test in state.tests if test.path != mark.path and test.role is TestRole.REPRODUCTION]
    if not others:
        raise EditDoesNotApply(f"{mark.path} is the only test that reproduces the issue")
    return replace(
        state,
        tests=tuple(
            replace(test, role=TestRole.WRONG, reason=mark.reason) if test.path == mark.path else test
            for test in state.tests
        ),
    )


def _replaced(state: State, edit: ReplacePassage, source: SourceTree) -> bytes:
    content = current(state, edit.path, source)
    if content is None:
        if edit.passage:
            raise EditDoesNotApply(f"there is no file {edit.path}")
        return edit.replacement.encode()
    passage, replacement = (_with_ends_of(content, text) for text in (edit.passage, edit.replacement))
    at = content.find(passage) if passage else -1
    if at < 0 or content.find(passage, at + 1) >= 0:  # also where two of them overlap
        found = "does not occur" if at < 0 else "occurs more than once"
        raise EditDoesNotApply(f"the passage to replace {found} in {edit.path}; it must occur exactly once")
    return content.replace(passage, replacement)


def _rewritten(state: State, edit: RewriteSymbol, source: SourceTree) -> bytes:
    content = current(state, edit.path, source)
    if content is None:
        raise EditDoesNotApply(f"there is no file {edit.path}")
    node = _definition(content, edit)
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    lines = content.splitlines(keepends=True)  # of bytes: only \n, \r and \r\n end a line
    last = node.end_lineno or node.lineno
    indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())].decode()
    text = _with_ends_of(content, _shifted(edit.source, indent, edit))
    return b"".join([*lines[: first - 1], text, *lines[last:]])


def _definition(content: bytes, edit: RewriteSymbol) -> Definition:
    try:
        body: list[ast.stmt] = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise EditDoesNotApply(f"{edit.path} cannot be parsed: {error}") from None
    found: list[Definition] = []
    for name in edit.symbol.split("."):
        found = [node for node in _definitions(body) if node.name == name]
        if len(found) != 1:
            count = f"{len(found)} definitions of" if found else "no"
            raise EditDoesNotApply(f"{edit.path} has {count} {name} (asked for {edit.symbol})")
        body = found[0].body
    return found[0]


def _definitions(body: list[ast.stmt]) -> list[Definition]:
    """Also those under an ``if`` or ``try`` of the same block."""
    found: list[Definition] = []
    for node in body:
        if isinstance(node, Definition):
            found.append(node)
        else:
            for inner in ("body", "orelse", "finalbody", "handlers"):
                for child in getattr(node, inner, []):
                    found += _definitions([child] if isinstance(child, ast.stmt) else child.body)
    return found


def _shifted(text: str, indent: str, edit: RewriteSymbol) -> str:
    """A definition's source, moved to an indentation; what stands inside of strings is not moved."""
    lines = text.strip("\r\n").splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    had = first[: len(first) - len(first.lstrip())]
    inside = _lines_in_strings(text.strip("\r\n"), had)
    moved = [
        line
        if number in inside or not line.strip() or not line.startswith(had)
        else indent + line[len(had) :]
        for number, line in enumerate(lines, start=1)
    ]
    whole = "".join(moved).rstrip() + "\n"
    try:
        body = ast.parse("".join(["if True:\n" if indent else "", whole])).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise EditDoesNotApply(f"the new source of {edit.symbol} cannot be parsed: {error}") from None
    name = edit.symbol.rpartition(".")[2]
    if all(each.name != name for each in _definitions(body)):
        raise EditDoesNotApply(f"the new source of {edit.symbol} holds no definition of {name}")
    return whole


def _lines_in_strings(text: str, indent: str) -> frozenset[int]:
    """Lines that begin inside of a string token."""
    lines: set[int] = set()
    shift = 1 if indent else 0
    try:
        for token in tokenize.generate_tokens(io.StringIO("if True:\n" * shift + text + "\n").readline):
            if token.type == tokenize.STRING or tokenize.tok_name[token.type].startswith("FSTRING"):
                lines.update(range(token.start[0] + 1 - shift, token.end[0] + 1 - shift))
    except (tokenize.TokenError, SyntaxError):
        return frozenset()  # it will not parse either, and is refused with a reason
    return frozenset(lines)


def _with_ends_of(content: bytes, text: str) -> bytes:
    """A text with the line ends of the file that it goes into."""
    plain = text.replace("\r\n", "\n")
    return (plain.replace("\n", "\r\n") if b"\r\n" in content else plain).encode()
