"""The fixture for tests: import ``github`` at module level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.double.server import GitHubDouble


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubDouble]:
    """A running double; at the end the test fails when a request was sent that GitHub does not have."""
    with GitHubDouble(tmp_path / "github") as double:
        yield double
    double.check()
