from __future__ import annotations

from pathlib import Path

import pytest

from tests.show.journals import toy_journal


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of a solved run; read only."""
    return toy_journal(tmp_path_factory.mktemp("toy-run"))
