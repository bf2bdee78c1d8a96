"""Issue 2, "must be shown" no. 6: repositories made to attack the host have no effect outside, and get a clear
answer (threats 8, 12, 13, 16 to 19)."""

from __future__ import annotations

import pytest

from tests.acceptance.hostile import Trap, forging_files, hostile_files
from tests.acceptance.support import Asked, Service
from tests.checkout.support import Work

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]


def answered_clearly(asked: Asked) -> None:
    assert len(asked.comments) == 1
    assert len(asked.checks) == 1
    assert asked.checks[0].status == "completed"
    assert asked.checks[0].conclusion in {"success", "neutral"}, asked.comment
    assert "Traceback (most recent call last)" not in asked.comment.partition("<details>")[0]
    assert "internal error" not in asked.comment
