"""The table of settings in docs/configuration.md, made from the settings themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.settings import PREFIX, Settings


def settings_table() -> str:
    """Markdown: variable, default, meaning."""
    rows = (f"| `{name}` | {default} | {meaning} |" for name, default, meaning in _rows())
    return "\n".join(("| variable | default | meaning |", "|---|---|---|", *rows)) + "\n"


def _rows() -> Iterator[tuple[str, str, str]]:
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner, inner_field in kind.model_fields.items():
                yield _row(f"{name}__{inner}", inner_field)
        else:
            yield _row(name, field)


def _row(name: str, field: FieldInfo) -> tuple[str, str, str]:
    if field.default_factory is not None or field.default in (None, (), ""):
        default = ""
    else:
        default = f"`{getattr(field.default, 'value', field.default)}`"
    return PREFIX + name.upper(), default, field.description or ""


if __name__ == "__main__":
    print(settings_table(), end="")
