"""Logs: structured, redacted, and what others write through the standard library (uvicorn, DBOS) as well."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

CLIENTS = ("httpx", "httpcore", "httpx2", "httpcore2", "hishel", "githubkit", "urllib3", "openai", "docker")
NOISY = (*CLIENTS, "git", "asyncio", "sqlalchemy")
DEPTH_CAP = 6


def configure(
    redact: Callable[[str], str], *, level: str = "info", json: bool = False, stream: TextIO | None = None
) -> None:
    """Set up logging for the whole process; may be called again."""
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacting(redact),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # loggers of modules are made before this is called
    )
    handler = logging.StreamHandler(stream)
    last = [structlog.processors.JSONRenderer(sort_keys=True)] if json else [_one_line, _console(stream)]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in NOISY:  # at debug they print requests with their headers
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A message cannot fake a second one; the console renderer escapes all values but this."""
    event["event"] = str(event.get("event", "")).replace("\r", "\\r").replace("\n", "\\n")
    return event


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _redacting(redact: Callable[[str], str]) -> Processor:
    def processor(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for key in list(event):
            if not key.startswith("_"):  # structlog's own: the record it came from
                event[key] = _clean(event[key], redact)
        return event

    return processor


def _clean(value: Any, redact: Callable[[str], str], depth: int = 0) -> Any:
    """Redacted to the leaves."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if depth < DEPTH_CAP and isinstance(value, dict):
        return {redact(str(key)): _clean(item, redact, depth + 1) for key, item in value.items()}
    if depth < DEPTH_CAP and isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, redact, depth + 1) for item in value]
    return redact(str(value))
