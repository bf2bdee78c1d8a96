"""From the bytes of ``codeagent.yml`` to a RepoConfig, or to a list of mistakes, each with its line. Pure.

All plain values are taken as text and the keys' types decide what they mean: ``python: 3.10`` is not 3.1 and
``checks: off`` is not false. No anchors: ten lines of aliases can stand for gigabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.config.keys import RepoConfig
from bot.errors import ConfigError

PATH: Final = ".github/codeagent.yml"
LARGEST: Final = 16 << 10
SHOWN: Final = 20  # mistakes at once

_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))
_MAP: Final = "tag:yaml.org,2002:map"
_SEQ: Final = "tag:yaml.org,2002:seq"
_NOTHING: Final = ("", "~", "null", "Null", "NULL")

Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing that is wrong. ``line`` counts from 1; 0: none is known. ``key`` is dotted, or empty."""

    line: int
    key: str
    message: str

    @property
    def text(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class Mistaken(ConfigError):
    """The file cannot be used; ``mistakes`` says why, one by one."""

    def __init__(self, name: str, mistakes: tuple[Mistake, ...]) -> None:
        self.name = name
        self.mistakes = mistakes
        shown = [f"  {mistake}" for mistake in mistakes[:SHOWN]]
        super().__init__("\n".join((f"{name} cannot be used; correct or remove:", *shown)))


def read_repo_config(content: bytes | None, name: str = PATH) -> RepoConfig:
    """None: no such file, the defaults hold. Raises Mistaken, a ConfigError that says which key on which line
    and what to do. ``name`` is what the file is called in messages."""
    if content is None:
        return RepoConfig()
    if len(content) > LARGEST:
        raise Mistaken(
            name, (_of_all(f"it has {len(content):,} bytes; {LARGEST:,} are allowed. Shorten it."),)
        )
    lines: dict[Place, int] = {}
    try:
        data = _parsed(content, lines)
        if data is None:
            return RepoConfig()
        return RepoConfig.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise Mistaken(name, tuple(_mistake(row, lines) for row in details)) from None
    except _Unreadable as error:
        raise Mistaken(name, (error.mistake,)) from None


def located(error: Mistaken, own: bytes | None, shared: bytes | None, shared_name: str) -> Mistaken:
    """Mistakes that were found when both files were put together, with the file and line of each. ``own`` is
    the repository's file, which has the last word; ``shared`` its organisation's."""
    found = []
    for mistake in error.mistakes:
        line = mistake.line or line_of(own, mistake.key)
        other = 0 if line else line_of(shared, mistake.key)
        note = f" (line {other} of {shared_name})" if other else ""
        found.append(replace(mistake, line=line, message=mistake.message + note))
    return Mistaken(error.name, tuple(found))


def line_of(content: bytes | None, key: str) -> int:
    """The line of a dotted key; 0 when it is not there."""
    lines: dict[Place, int] = {}
    try:
        _parsed(content or b"", lines)
    except _Unreadable:
        return 0
    return lines.get(tuple(key.split(".")), 0)


def _of_all(message: str, line: int = 0) -> Mistake:
    return Mistake(line=line, key="", message=message)


class _Unreadable(Exception):
    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.mistake = _of_all(message, line)


# --- YAML ---------------------------------------------------------------------------------------------------


class _Plain(yaml.BaseLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # of the stubs
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)


def _parsed(content: bytes, lines: dict[Place, int]) -> Any:
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=_Plain)
        value = None if node is None else _value(node, (), lines)
    except UnicodeDecodeError as error:
        raise _Unreadable(f"it is not UTF-8 (byte {error.start}); save it as UTF-8.") from None
    except yaml.reader.ReaderError as error:
        raise _Unreadable(f"it holds a character that YAML does not know ({error.character!r})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _Unreadable(f"it is not YAML that is understood: {str(error.problem)[:300]}", line) from None
    except yaml.YAMLError as error:
        raise _Unreadable(f"it is not YAML that is understood: {str(error)[:300]}") from None
    except RecursionError:
        raise _Unreadable("it is not YAML that is understood: it is nested too deeply") from None
    if value is not None and not isinstance(value, dict):
        raise _Unreadable("it must be a mapping of keys to values (for example: `draft: true`).", 1)
    return value


def _value(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    line = lines.setdefault(place, node.start_mark.line + 1)
    match node:
        case yaml.MappingNode() if node.tag == _MAP:
            return {key: _value(value, (*place, key), lines) for key, value in _pairs(node, place, lines)}
        case yaml.SequenceNode() if node.tag == _SEQ:
            return [_value(each, (*place, number), lines) for number, each in enumerate(node.value)]
        case yaml.ScalarNode() if node.tag in _TAGS:
            return None if node.style is None and node.value in _NOTHING else node.value
    raise _Unreadable(f"it is not YAML that is understood: the tag {node.tag[:80]} is not known", line)


def _pairs(node: yaml.MappingNode, place: Place, lines: dict[Place, int]) -> list[tuple[str, yaml.Node]]:
    pairs: dict[str, yaml.Node] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise _Unreadable("it is not YAML that is understood: a key must be one word", line)
        if key.value in pairs:
            raise _Unreadable(f"{key.value[:80]!r} stands there twice; leave one", line)
        pairs[key.value] = value
        lines[(*place, key.value)] = line
    return list(pairs.items())


# --- What the keys' types say -------------------------------------------------------------------------------


def _mistake(row: ErrorDetails, lines: Mapping[Place, int]) -> Mistake:
    place = row["loc"]
    line = next((lines[place[:size]] for size in range(len(place), 0, -1) if place[:size] in lines), 0)
    key = ".".join(str(part)[:80] for part in place)
    return Mistake(line=line, key=key, message=_message(row))


def _message(row: ErrorDetails) -> str:
    if row["type"] == "extra_forbidden":
        return "there is no such key; docs/configuration.md lists them"
    return row["msg"].removeprefix("Value error, ")
