"""Secrets do not get through, in whatever clothes."""

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.redact import MARK, Redactor

TOKEN = st.integers(36, 520).flatmap(
    lambda size: st.text(string.ascii_letters + string.digits + "._-", min_size=size, max_size=size).map(
        "ghs_".__add__
    )
)
SECRET = st.one_of(
    TOKEN,
    st.text(string.ascii_letters + string.digits, min_size=8, max_size=40),
    st.text(min_size=8, max_size=30).filter(lambda text: text.strip() == text and text.isprintable()),
)
PLAIN = st.text(" \n.,:;()[]", max_size=30)
SEPARATORS = st.sampled_from(
    [
        "\x1b[0m",
        "\x1b[1;31m",
        "\x1b]0;title\x07",
        "\n",
        "\r\n",
        "\n    ",
        "\x00",
        "\u200b",
        "\\n",
        "\\x1b[31m",
        "\x1b[K",
    ]
)


def cut(text: str, where: list[int], separators: list[str]) -> str:
    """The text with separators between its characters."""
    for index, separator in zip(
        sorted({at % len(text) for at in where} - {0}, reverse=True), separators, strict=False
    ):
        text = text[:index] + separator + text[index:]
    return text


CUTS = st.tuples(st.lists(st.integers(1, 600), max_size=12), st.lists(SEPARATORS, min_size=12, max_size=12))


@given(SECRET, CUTS, PLAIN, PLAIN)
def test_a_known_secret_is_found_wherever_it_was_cut(secret, cuts, before, after):
    redacted = Redactor([secret])(before + cut(secret, *cuts) + after)
    assert MARK in redacted
    assert secret not in redacted
    assert redacted.startswith(before)


@given(TOKEN, CUTS, PLAIN)
def test_an_unknown_token_is_found_by_its_form_wherever_it_was_cut(token, cuts, around):
    redacted = Redactor()(around + cut(token, *cuts) + " " + around)
    assert MARK in redacted
    assert not any(token[at : at + 8] in redacted for at in range(len(token) - 8))


@given(
    SECRET,
    st.binary(max_size=5),
    st.binary(max_size=5),
    st.sampled_from(["", "x-access-token:"]),
    st.booleans(),
)
def test_base64_of_a_secret_is_found_at_every_offset(secret, before, after, user, wrapped):
    data = before + (user + secret).encode() + after
    text = (base64.encodebytes(data) if wrapped else base64.b64encode(data)).decode()
    redacted = Redactor([secret])(f"Authorization: Basic {text}")
    assert MARK in redacted
    assert len(redacted) < len(f"Authorization: Basic {MARK}") + 24


@pytest.mark.parametrize(
    "write", [quote, json.dumps, repr, lambda s: s.encode().hex(), lambda s: f"https://u:{s}@h/"]
)
@given(secret=SECRET)
def test_other_writings_are_found(write, secret):
    if write is quote and quote(secret) != quote(secret, safe=""):
        return
    assert MARK in Redactor([secret])(f"a {write(secret)} b") or repr(secret)[1:-1] != secret


KEY = "\n".join(
    ["-----BEGIN RSA PRIVATE KEY-----", *["MIIEpAIBAAKCAQEA" * 4] * 10, "-----END RSA PRIVATE KEY-----"]
)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"key:\n{KEY}\nrest", f"key:\n{MARK}\nrest"),
        (json.dumps({"key": KEY}), '{"key": "' + MARK + '"}'),
        (f"cut off:\n{KEY[:300]}", f"cut off:\n{MARK}"),
        ("sk-" + "a1" * 20 + " end", f"{MARK} end"),
        ("x\nsk-" + "a1" * 20, f"x\n{MARK}"),
        ("ghp_" + "a" * 36, MARK),
        ("github_pat_" + "a1_" * 20 + ".", f"{MARK}."),
        ("ghs_1234_" + "eyJ" + "a" * 100 + "." + "b" * 300 + "." + "c-_" * 30 + "!", f"{MARK}!"),
        ("AKIAIOSFODNN7EXAMPLE.", f"{MARK}."),
        (
            "https://x-access-token:ghs_" + "Ab1-" * 20 + "@host/a.git",
            f"https://{MARK}@host/a.git",
        ),
    ],
)
def test_forms_are_known(text, redacted):
    assert Redactor()(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing to see here\n",
        "def task-management-system-configuration-loader",
        "the ghs_ prefix, a ghp_short and sk-learn",
        "\x1b[31mred\x1b[0m and\nmany\r\nlines",
        "disk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "sha256:" + "ab" * 32,
    ],
)
def test_what_is_no_secret_stays(text):
    assert Redactor(["hunter2hunter2"])(text) == text


@given(st.text(max_size=300))
def test_it_never_fails_and_is_idempotent_on_its_own_mark(text):
    redactor = Redactor(["secret-value"])
    once = redactor(text)
    assert redactor(once) == once


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_go_through(data):
    redactor = Redactor(["secret-value"])
    assert redactor.data(data + b" ") == data + b" " or redactor(data.decode("utf-8", "replace")) != ""
    assert redactor.data(data + b"secret-value") == data + MARK.encode()


def test_a_secret_can_be_added_later_and_a_tiny_one_is_ignored():
    redactor = Redactor(["abc"])
    assert redactor("abc later-on") == "abc later-on"
    redactor.add("later-on")
    assert redactor("abc later-on") == f"abc {MARK}"
