"""Octokit's example deliveries (@octokit/webhooks-examples): 329 payloads of 58 events, some of them
years old."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.double.description import MODULES
from tests.double.state import Json

INDEX = MODULES / "webhooks-examples" / "api.github.com" / "index.json"


def installed() -> bool:
    return INDEX.is_file()


def payloads() -> Iterator[tuple[str, Json]]:
    """(event, payload), in the order of the file."""
    for row in json.loads(INDEX.read_bytes()):
        for payload in row["examples"]:
            yield row["name"], payload
