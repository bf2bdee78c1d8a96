"""No secret comes through, in whatever shape (threat 11)."""

from __future__ import annotations

import base64
import io
import json
import logging
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.log import configure
from sandbox.redact import Redactor

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
OLD = st.text(LETTERS, min_size=36, max_size=36).map(lambda tail: "ghs_" + tail)
NEW = st.text(LETTERS + "-_", min_size=480, max_size=520).map(
    lambda tail: f"ghs_123_{tail[:200]}.{tail[200:]}"
)


@given(OLD | NEW)
def test_tokens_nobody_told_about(token: str) -> None:
    redact = Redactor()
    for text in (token, f"x {token} y", f"https://x-access-token:{token}@github.com/o/n", f"token={token}"):
        assert token[10:] not in redact(text)


@given(OLD | NEW | st.text(LETTERS + "+/=&?%", min_size=12, max_size=40))
def test_known_secrets_in_every_shape(secret: str) -> None:
    redact = Redactor([secret])
    both = secret.encode(), f"x-access-token:{secret}".encode()
    shapes = [secret, quote(secret, safe=""), *(base64.b64encode(each).decode() for each in both)]
    for shape in shapes:
        core = shape if shape == secret else shape.rstrip("=")  # only base64 can do without them
        assert core not in redact(f"before {shape} after")
        middle = len(core) // 2
        for split in ("\n", "\r\n ", "\x1b[31m", " \x1b[0m\n"):
            broken = redact(core[:middle] + split + core[middle:])
            assert core[:middle] not in broken


ROWS = [
    ("Authorization: Bearer abcdefghijkl", "Authorization: [redacted]"),
    ("https://user:hunter22@host/x", "https://[redacted]@host/x"),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "[redacted]"),
    ("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted]"),
    ("github_pat_" + "a" * 30, "[redacted]"),
    ("sk-" + "a" * 30, "[redacted]"),
    ("nothing secret: ghs_short, eyes", "nothing secret: ghs_short, eyes"),
]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_shapes(text: str, expected: str) -> None:
    assert Redactor()(text) == expected


def test_too_short_a_secret_does_not_redact_everything() -> None:
    assert Redactor(["a", ""])("a cat") == "a cat"


@pytest.mark.parametrize("as_json", [True, False])
def test_logs_are_redacted_to_the_leaves(as_json: bool) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    try:
        configure(Redactor(["a-secret-value"]), json=as_json, stream=stream)
        log = structlog.get_logger("test")
        log.info("said a-secret-value", nested={"a-secret-value": ["a-secret-value"]}, lines="one\ntwo")
        log.warning("two\nlines")
        logging.getLogger("dbos").warning("told %s", "a-secret-value")
        try:
            raise ValueError("broke on a-secret-value")
        except ValueError as error:
            log.error("failed", exc_info=error)
    finally:
        logging.getLogger().handlers[:], level = before[0], before[1]
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
    text = stream.getvalue()
    assert "a-secret-value" not in text
    assert text.count("[redacted]") >= 5
    assert "two\\nlines" in text
    assert "\nlines" not in text
    if as_json:
        assert all(json.loads(line)["level"] for line in text.splitlines())
