"""Values to JSON and back, for the journal: dataclasses, enums, tuples, sets, mappings and bytes.

A dataclass becomes an object that names its class under ``is``; fields that have their default are left out.
Bytes become text when they are UTF-8, base64 otherwise, compressed when that is worth it.
"""

from __future__ import annotations

import base64
import types
import zlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from agent.protocols import JsonObject, JsonValue

T = TypeVar("T")

COMPRESS_FROM = 1024  # bytes; below it zlib and base64 together save nothing worth the unreadable record


def encode(value: object) -> JsonValue:
    """The JSON form of a value."""
    if isinstance(value, Enum):
        return cast(JsonValue, value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return encode_bytes(value)
    if isinstance(value, PurePath):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return encode_fields(value)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in sorted(value.items())}
    if isinstance(value, AbstractSet):
        return [encode(item) for item in sorted(value)]
    if isinstance(value, Sequence):
        return [encode(item) for item in value]
    raise TypeError(f"no JSON form for {type(value).__name__}")


def encode_fields(value: object) -> JsonObject:
    """The JSON object of a dataclass."""
    body: JsonObject = {"is": type(value).__name__}
    for each in fields(cast(Any, value)):
        item = getattr(value, each.name)
        if not _is_default(each, item):
            body[each.name] = encode(item)
    return body


def _is_default(each: Field[Any], item: object) -> bool:
    if each.default is not MISSING:
        return type(item) is type(each.default) and bool(item == each.default)
    if each.default_factory is not MISSING:
        return bool(item == each.default_factory())
    return False


def encode_bytes(value: bytes) -> JsonObject:
    if len(value) >= COMPRESS_FROM:
        packed = zlib.compress(value, 6)
        if len(packed) * 4 < len(value) * 3:  # base64 costs a third
            return {"zlib": base64.b64encode(packed).decode("ascii")}
    try:
        return {"text": value.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


def decode_bytes(value: JsonValue) -> bytes:
    match value:
        case {"text": str(text)}:
            return text.encode("utf-8")
        case {"base64": str(text)}:
            return base64.b64decode(text)
        case {"zlib": str(text)}:
            return zlib.decompress(base64.b64decode(text))
    raise ValueError("not a recorded byte string")


def decode(kind: type[T], value: JsonValue) -> T:
    """The value of the given type that ``encode`` made this JSON of; ValueError or TypeError when it is not
    one."""
    return cast(T, _decode(kind, value))


def _decode(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, value)
    if origin is tuple:
        return _decode_tuple(arguments, value)
    if origin is frozenset:
        return frozenset(_decode(arguments[0], item) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        key, item = arguments
        return {_decode_key(key, name): _decode(item, body) for name, body in value.items()}
    if kind is bytes:
        return decode_bytes(value)
    if is_dataclass(kind):
        return _decode_fields(kind, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return kind(value)
    if kind is float and isinstance(value, int):
        return float(value)
    if isinstance(value, kind):
        return value
    raise TypeError(f"{kind} cannot be read from {type(value).__name__}")


def _decode_tuple(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_decode(arguments[0], item) for item in value)
    return tuple(_decode(kind, item) for kind, item in zip(arguments, value, strict=True))


def _decode_key(kind: Any, name: str) -> Any:
    return kind(name)


def _decode_union(choices: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in choices:
        return None
    concrete = [choice for choice in choices if choice is not type(None)]
    if len(concrete) == 1:
        return _decode(concrete[0], value)
    tag = value.get("is") if isinstance(value, dict) else None
    for choice in concrete:
        if getattr(choice, "__name__", None) == tag:
            return _decode(choice, value)
    raise ValueError(f"none of the types of {choices} is called {tag!r}")


def _decode_fields(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict) or value.get("is") != kind.__name__:
        raise ValueError(f"not a recorded {kind.__name__}")
    hints = _hints(kind)
    return kind(**{name: _decode(hints[name], item) for name, item in value.items() if name in hints})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
