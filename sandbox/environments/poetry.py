"""Poetry's own way to write requirements, turned into the standard one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping


def requirements(table: Mapping[str, object], *, optional: bool = False) -> tuple[str, ...]:
    """The requirements of a Poetry table; ``python`` is none, and optional ones only when asked for."""
    return tuple(
        text
        for name, value in table.items()
        if name.lower() != "python" and value is not None
        for text in _requirement(name, value, optional=optional)
    )


def _requirement(name: str, value: object, *, optional: bool) -> Iterator[str]:
    if isinstance(value, list):  # several constraints, told apart by markers
        for each in value:
            yield from _requirement(name, each, optional=optional)
    elif isinstance(value, str):
        yield f"{name}{specifier(value)}"
    elif isinstance(value, Mapping) and (optional or not value.get("optional")):
        if any(key in value for key in ("git", "path", "url", "file")):
            yield f"{name} @ file:///not-from-a-registry"
            return
        extras = value.get("extras")
        bracket = f"[{','.join(map(str, extras))}]" if isinstance(extras, list) and extras else ""
        marker = f"; {value['markers']}" if isinstance(value.get("markers"), str) else ""
        yield f"{name}{bracket}{specifier(value.get('version'))}{marker}"


def specifier(value: object) -> str:
    """``^1.2`` → ``>=1.2,<2``. What has no standard form ("1 || 3") sets no bound."""
    if not isinstance(value, str) or "|" in value:
        return ""
    return ",".join(part for part in map(_one, re.split(r"\s*,\s*|\s+(?=[<>=!^~])", value.strip())) if part)


def _one(part: str) -> str:
    found = re.fullmatch(r"(\^|~(?!=))?\s*v?(\d+(?:\.\d+)*)(\S*)", part)
    if found is None:
        return "" if part in ("*", "") else re.sub(r"\s+", "", part)
    sign, version, rest = found.groups()
    numbers = [int(number) for number in version.split(".")]
    if sign == "^":
        # the first number that is not zero may not change
        keep = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    elif sign == "~":
        keep = min(1, len(numbers) - 1)
    else:
        return f"=={version}{rest}"
    upper = [*numbers[:keep], numbers[keep] + 1]
    return f">={version}{rest},<{'.'.join(map(str, upper))}"
