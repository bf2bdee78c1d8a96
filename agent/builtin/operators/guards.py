"""A missing guard: None, empty, zero, negative, of another type: answered or refused before it does harm."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Site
from agent.builtin.operators.conditions import failing_atoms
from agent.builtin.operators.results import COMPARISONS, early_returns
from agent.builtin.operators.syntax import abstract, expression, negated
from agent.builtin.vocabulary import BUILTIN_TYPES
from agent.localize.failure import Failure, FailureKind

NAME = "guards"

Question = tuple[str, float]  # a condition under which the function should not go on, and its prior
COUNTING = frozenset({"range", "islice", "abs", "round", "int", "float", "repeat", "pow"})
HOLDING = frozenset(
    {"iter", "list", "tuple", "set", "dict", "len", "sorted", "enumerate", "zip", "map", "sum", "any", "all"}
)
NO_ATTRIBUTE = re.compile(r"'(?P<owner>\w+)' object has no attribute '(?P<name>\w+)'")
WORDS = {
    "negative": "< 0", "negativ": "< 0", "below": "< 0", "les": "< 0", "minu": "< 0",
    "zero": "== 0", "0": "== 0", "empty": "not ", "blank": "not ", "nothing": "not ", "miss": "is None",
}  # fmt: skip
LITERALS = {
    "None": "is None",
    "0": "== 0",
    "[]": "not ",
    "{}": "not ",
    "''": "not ",
    '""': "not ",
    "()": "not ",
}


def ideas(site: Site) -> Iterator[Idea]:
    if site.crash is not None:
        yield from _before_failure(site, site.crash)
    if site.hints.expects(FailureKind.NOT_RAISED):
        yield from _last_resort(site)
    if site.is_first and site.function is not None:
        for failure in site.path_failures:
            yield from _for_crash(site, failure)
        if site.hints.expects(FailureKind.NOT_RAISED):
            yield from _refusals(site)
        if any(not failure.crashed for failure in site.hints.failures):
            yield from _for_value(site)
            yield from _same_object(site)
        yield from _normalised(site)


def _guarded(site: Site, question: str, answer: str, prior: float, tag: str = "") -> Iterator[Idea]:
    if isinstance(site.block, ast.stmt):
        summary = f"insert `if {question}: {answer}` before line {site.line}"
        yield from site.insert_before(site.block, [f"if {question}:", f"\t{answer}"], prior, summary, tag=tag)


# --- at the failing statement ----------------------------------------------------------------------


def _before_failure(site: Site, crash: Failure) -> Iterator[Idea]:
    leave = [("continue", 0.8)] if site.in_loop else []
    questions: dict[str, float] = {}
    for atom, prior, _ in failing_atoms(site, crash):
        node = expression(atom)
        if node is not None:
            questions.setdefault(negated(node, atom), prior)
    for name in site.used_names:
        for question, prior in _crash_questions(site, crash, name):
            questions.setdefault(question, prior * 0.8)
    for question, prior in list(questions.items())[:6]:
        for answer, weight in (*leave, *early_returns(site))[:4]:
            yield from _guarded(site, question, answer, prior * weight)


def _crash_questions(site: Site, crash: Failure, name: str) -> Iterator[Question]:
    match crash.kind:
        case FailureKind.NONE_USED:
            yield f"{name} is None", 0.9
            yield f"not {name}", 0.5
        case FailureKind.INDEX | FailureKind.STOP:
            yield f"not {name}", 0.8
        case FailureKind.ZERO_DIVISION:
            yield f"{name} == 0", 0.6
            yield f"not {name}", 0.5
        case FailureKind.NO_ATTRIBUTE | FailureKind.TYPE:
            yield from _type_questions(site, crash, name)
        case FailureKind.RECURSION:
            yield f"not {name}", 0.3
            yield f"{name} <= 0", 0.3
        case FailureKind.CONVERSION | FailureKind.UNPACK | FailureKind.KEY:
            yield f"not {name}", 0.4


def _type_questions(site: Site, crash: Failure, name: str) -> Iterator[Question]:
    """Types that have what was missing: the owner's own, the built-in ones, or whatever has the attribute."""
    missing = NO_ATTRIBUTE.search(crash.message)
    attribute = missing["name"] if missing else ""
    if attribute and not any(
        isinstance(node, ast.Attribute) and node.attr == attribute and site.text(node.value) == name
        for node in site.crash_nodes(crash)
    ):
        return
    if attribute:
        for index, kind in enumerate(k for k in BUILTIN_TYPES if hasattr(k, attribute)):
            yield f"not isinstance({name}, {kind.__name__})", 0.9 - 0.15 * min(index, 3)
        yield f"not hasattr({name}, {attribute!r})", 0.5
    owner = site.function.owner if site.function else None
    if owner is not None:
        defined = {node.name for node in owner.body if isinstance(node, ast.FunctionDef)}
        yield f"not isinstance({name}, {owner.name})", 0.85 if attribute in defined or not attribute else 0.45
        for base in owner.bases:
            if isinstance(base, ast.Name | ast.Attribute):
                yield f"not isinstance({name}, {ast.unparse(base)})", 0.4


# --- at the top of the function --------------------------------------------------------------------


def _for_crash(site: Site, failure: Failure) -> Iterator[Idea]:
    used = site.crash_names(failure)
    ordered = sorted((*site.parameters[:6], *own_attributes(site)), key=lambda name: name not in used)
    dunder = site.function is not None and site.function.name in COMPARISONS
    for name in ordered:
        weight = 1.0 if name in used else 0.45
        for question, prior in _crash_questions(site, failure, name):
            for answer, share in early_returns(site)[: 2 if dunder else 4]:
                yield from _guarded(site, question, answer, prior * share * weight * (1.0 if dunder else 0.8))


def _stated(site: Site, sign: str) -> float:
    """How plainly issue and test speak of such a value."""
    words = set(site.hints.issue.words)
    literals = (*site.hints.literals, *site.hints.inputs)
    spoken = any(WORDS.get(word) == sign for word in words)
    given = any(LITERALS.get(text) == sign or (sign == "< 0" and text.startswith("-")) for text in literals)
    return 1.0 if spoken and given else 0.8 if spoken or given else 0.3


def own_attributes(site: Site) -> list[str]:
    """``self.x`` as the function reads it, in order, methods left out."""
    found: dict[str, None] = {}
    for node in site.own_nodes:
        match node:
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Load()):
                parent = site.parent(node)
                if not (isinstance(parent, ast.Call) and parent.func is node):
                    found.setdefault(f"self.{node.attr}")
    return list(found)[:4]


def _optional(site: Site) -> frozenset[str]:
    """Parameters that may be None: by default, or because the function asks."""
    args = site.function.node.args if site.function else None
    plain = [*args.posonlyargs, *args.args] if args else []
    pairs = zip(plain[::-1], args.defaults[::-1] if args else [], strict=False)
    found = {arg.arg for arg, value in pairs if isinstance(value, ast.Constant) and value.value is None}
    for node in site.own_nodes:
        match node:
            case ast.Compare(left=ast.Name(id=name), comparators=[ast.Constant(value=None)]):
                found.add(name)
    return frozenset(found)


def _value_questions(site: Site) -> Iterator[Question]:
    optional = _optional(site)
    for index, name in enumerate(site.parameters[:4]):
        spoken_of = (1.0 if site.hints.names(name) else 0.6) * (1.0 - 0.12 * index)
        number, collection = uses(site, name)
        below = f"{name} is not None and {name} < 0" if name in optional else f"{name} < 0"
        for question, sign, fits in (
            (below, "< 0", 0.15 if collection else 1.0),
            (f"not {name}", "not ", 0.4 if number else 1.0),
            (f"{name} == 0", "== 0", 0.15 if collection else 0.8),
            (f"{name} is None", "is None", 0.9),
        ):
            yield question, _stated(site, sign) * spoken_of * fits
        yield f"{name} <= 0", 0.5 * _stated(site, "< 0") * spoken_of * (0.15 if collection else 1.0)
    for name in own_attributes(site):
        yield f"not {name}", 0.5 * _stated(site, "not ")
        yield f"{name} is None", 0.4 * _stated(site, "is None")


def uses(site: Site, name: str) -> tuple[bool, bool]:
    """Whether the function uses a value as a number, and whether as something that holds others."""
    number, collection = False, False
    for node in site.own_nodes:
        match node:
            case ast.Call(func=ast.Name(id=called), args=args) if _is_among(name, args):
                number |= called in COUNTING
                collection |= called in HOLDING
            case ast.BinOp(left=left, op=op, right=right) if _is_among(name, [left, right]):
                number |= not isinstance(op, ast.Add | ast.Mod | ast.Mult)
            case ast.Compare(left=left, ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()]):
                number |= _is_among(name, [left, *node.comparators])
            case ast.Slice(lower=lower, upper=upper):
                number |= _is_among(name, [part for part in (lower, upper) if part is not None])
            case ast.For(iter=values) | ast.comprehension(iter=values) | ast.Subscript(value=values):
                collection |= _is_among(name, [values])
    return number, collection and not number


def _is_among(name: str, nodes: list[ast.expr]) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _for_value(site: Site) -> Iterator[Idea]:
    for question, prior in _value_questions(site):
        for answer, share in early_returns(site)[:3]:
            yield from _guarded(site, question, answer, 0.6 * prior * share)


def _same_object(site: Site) -> Iterator[Idea]:
    """Equality of two things: the same object is equal to itself."""
    function = site.function
    if function is None or len(function.parameters) != 2:
        return
    values = [
        node.value for node in site.own_nodes if isinstance(node, ast.Return) and node.value is not None
    ]
    asks = any(
        isinstance(value, ast.Compare | ast.BoolOp)
        or (isinstance(value, ast.Constant) and isinstance(value.value, bool))
        for value in values
    )
    if asks:
        a, b = function.parameters
        likely = any(word in function.name.lower() for word in ("eq", "same", "is_"))
        yield from _guarded(site, f"{a} is {b}", "return True", 0.8 if likely else 0.3)
        yield from _guarded(site, f"{a} == {b}", "return True", 0.25)


def _normalised(site: Site) -> Iterator[Idea]:
    """A parameter brought into the form that the rest expects, before anything else."""
    for name in site.parameters[:4]:
        for text, prior in _normal_forms(site, name):
            if isinstance(site.block, ast.stmt):
                line = f"{name} = {text}"
                summary = f"insert `{line}` before line {site.line}"
                yield from site.insert_before(site.block, [line], prior, summary)


def _normal_forms(site: Site, name: str) -> Iterator[Question]:
    changes, kinds = site.hints.changes, site.hints.kinds
    iterates = bool(kinds & {FailureKind.WRONG_COLLECTION, FailureKind.TYPE, FailureKind.STOP})
    yield f"max({name}, 0)", 0.25 * _stated(site, "< 0")
    yield f"max({name}, 1)", 0.15 * _stated(site, "< 0")
    yield f"list({name})", 0.3 if iterates else 0.1
    yield f"tuple({name})", 0.12 if iterates else 0.04
    yield f"str({name})", 0.2 if FailureKind.TYPE in kinds else 0.06
    yield f"{name} or []", 0.15 if FailureKind.NONE_USED in kinds else 0.04
    for change in ("strip", "lower"):
        likely = changes.get("case" if change == "lower" else change, 0.0)
        if likely:
            yield f"{name}.{change}()", 0.3 * likely
    for text in site.hints.literals[:3]:
        if text.isdigit():
            yield f"min({name}, {text})", 0.1
            yield f"max(1, min({text}, {name}))", 0.08


def _refusals(site: Site) -> Iterator[Idea]:
    for failure in site.hints.failures:
        if failure.kind is FailureKind.NOT_RAISED:
            for question, prior in _value_questions(site):
                yield from _guarded(site, question, _raise_text(site, failure.exception, question), prior)
            for name, note in _annotated(site):
                question = f"not isinstance({name}, {note})"
                yield from _guarded(site, question, _raise_text(site, failure.exception, question), 0.4)


def _last_resort(site: Site) -> Iterator[Idea]:
    """A chain of conditions that lets everything else through: what none of them takes is refused."""
    block = site.block
    if not isinstance(block, ast.If) or block.orelse or not site.begins_line(block):
        return
    first: ast.AST = block
    parent = site.parent(block)
    while isinstance(parent, ast.If) and parent.orelse == [first]:
        first, parent = parent, site.parent(parent)
    for failure in site.hints.failures:
        if failure.kind is FailureKind.NOT_RAISED and isinstance(first, ast.stmt):
            raised = _raise_text(site, failure.exception)
            lines = ["else:", f"\t{raised}"]
            yield from site.insert_after(first, lines, 0.4, f"otherwise `{raised}`")


def _raise_text(site: Site, exception: str, question: str = "") -> str:
    """With the message that the test or the issue asks for, else that of a like check in the file."""
    message = site.hints.refusal or _like_message(site, exception, question) or _message(question)
    return f"raise {exception}({message!r})"


def _like_message(site: Site, exception: str, question: str) -> str:
    asked = expression(question) if question else None
    for node in ast.walk(site.file.tree) if asked is not None else ():
        match node:
            case ast.If(
                test=test,
                body=[
                    ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str() as text)]))
                ],
            ):
                if name == exception and asked is not None and abstract(test) == abstract(asked):
                    return _renamed(text, test, asked)
    return ""


def _renamed(text: str, test: ast.expr, asked: ast.expr) -> str:
    """The message with the names of the other check replaced by those of this one."""
    theirs = [node.id for node in ast.walk(test) if isinstance(node, ast.Name)]
    ours = [node.id for node in ast.walk(asked) if isinstance(node, ast.Name)]
    names = dict(zip(theirs, ours, strict=False))
    return re.sub(r"[A-Za-z_]\w*", lambda match: names.get(match[0], match[0]), text)


def _message(question: str) -> str:
    asked = expression(question) if question else None
    match asked:
        case ast.BoolOp(values=[*_, ast.Compare() as last]):
            return _message(ast.unparse(last))
        case ast.Compare(left=left, ops=[ast.Lt()], comparators=[limit]):
            return f"{ast.unparse(left)} must be at least {ast.unparse(limit)}"
        case ast.Compare(left=left, ops=[ast.LtE()], comparators=[limit]):
            return f"{ast.unparse(left)} must be greater than {ast.unparse(limit)}"
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[value]):
            return f"{ast.unparse(left)} must not be {ast.unparse(value)}"
        case ast.UnaryOp(operand=ast.Name(id=name)):
            return f"{name} must not be empty"
        case ast.UnaryOp(operand=ast.Call(args=[value, kind])):
            return f"{ast.unparse(value)} must be of type {ast.unparse(kind)}"
    return "invalid value"


def _annotated(site: Site) -> Iterator[tuple[str, str]]:
    args = site.function.node.args if site.function else None
    for arg in (*args.posonlyargs, *args.args) if args else ():
        if isinstance(arg.annotation, ast.Name):
            yield arg.arg, arg.annotation.id
