"""Subjects made from other subjects: another keyword, operator, attribute or literal."""

from __future__ import annotations

import ast
import copy

from agent.builtin.reproduction.claims import Form, Like, Subject
from agent.builtin.reproduction.resolve import Names
from agent.builtin.reproduction.vocabulary import AttributeAtom, Change, KeywordAtom, OperatorAtom
from agent.localize.safe_ast import parse_expression


def changed(subject: Subject, atom: Change, names: Names) -> str | None:
    """A subject's source with the change; None where it does not fit."""
    match atom:
        case OperatorAtom(operator=operator, right=right):
            return with_operator(subject.source, operator, right)
        case AttributeAtom(name=name, value=value):
            return with_attribute(subject, name, value)
        case KeywordAtom(keywords=keywords):
            if subject.form is Form.RENDERED and len(keywords) == 1:
                name, value = keywords[0]
                changed = with_attribute(subject, name, value.strip("'\""))
                if changed is not None:
                    return changed
            symbols = [symbol for target in subject.targets if (symbol := names.symbol(target))]
            fitting = [symbol for symbol in symbols if all(symbol.takes(name) for name, _ in keywords)]
            if not fitting:
                return None
            return with_keywords(subject.source, keywords, frozenset(symbol.short for symbol in fitting))


def with_keywords(source: str, keywords: tuple[tuple[str, str], ...], wanted: frozenset[str]) -> str | None:
    """A call's source with other keyword arguments, set on the call of one of the ``wanted`` names."""
    tree = parse_expression(source)
    if tree is None:
        return None
    tree = copy.deepcopy(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    chosen = [node for node in calls if ast.unparse(node.func).rpartition(".")[2] in wanted] or calls
    if not chosen:
        return None
    call = chosen[0]
    names = {name for name, _ in keywords}
    call.keywords = [one for one in call.keywords if one.arg not in names]
    for name, value in keywords:
        node = parse_expression(value)
        if node is None:
            return None
        call.keywords.append(ast.keyword(arg=name, value=node))
    return ast.unparse(tree)


def with_operator(source: str, operator: str, right: str) -> str | None:
    """A comparison's source with another operator, and another right side when one is given."""
    tree = parse_expression(source)
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        return None
    return f"{ast.unparse(tree.left)} {operator} {right or ast.unparse(tree.comparators[0])}"


def with_attribute(subject: Subject, name: str, value: str) -> str | None:
    """The subject's source with another value of an attribute in its markup; None when it has none such."""
    tree = parse_expression(subject.source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            start = node.value.find(f'{name}="')
            end = node.value.find('"', start + len(name) + 2)
            if start >= 0 and end >= 0:
                node.value = f'{node.value[:start]}{name}="{value}{node.value[end:]}'
                return ast.unparse(tree) if tree else None
    return None


def attributes(subject: Subject) -> tuple[str, ...]:
    """Names of the attributes in a subject's markup."""
    found: list[str] = []
    tree = parse_expression(subject.source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.extend(part.rpartition(" ")[2] for part in node.value.split('="')[:-1])
    return tuple(dict.fromkeys(name for name in found if name.replace("-", "_").isidentifier()))


def with_literal(source: str, old: str, new: str) -> str | None:
    """A source with one literal replaced by another wherever it stands as an argument."""
    tree, before, after = parse_expression(source), parse_expression(old), parse_expression(new)
    if tree is None or before is None or after is None:
        return None
    wanted = ast.dump(before)
    changed = False
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        for at, argument in enumerate(call.args):
            if ast.dump(argument) == wanted:
                call.args[at] = after
                changed = True
        for keyword in call.keywords:
            if ast.dump(keyword.value) == wanted:
                keyword.value = after
                changed = True
    return ast.unparse(tree) if changed else None


def like(subject: Subject, source: str | None) -> Like | None:
    return None if source is None else Like(source=source, imports=subject.imports)
