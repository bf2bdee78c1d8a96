from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.agent.support import EDITS, TASK, script
from tests.show.journals import toy_journal

SECRET = "ghp_" + "a1B2" * 9


@pytest.fixture(scope="session")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_journal(tmp_path_factory.mktemp("solved"))


@pytest.fixture(scope="session")
def unsolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another problem in another repository, whose issue holds a token; nothing repairs it."""
    task = replace(TASK, repository="other/toy", text=f"sign(0) gives 1, expected 0. Use {SECRET}")
    parts = script(edits=EDITS[:2])
    return toy_journal(tmp_path_factory.mktemp("unsolved"), parts, task, run="other")
