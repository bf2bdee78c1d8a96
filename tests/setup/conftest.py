from __future__ import annotations

from tests.double.fixtures import github  # noqa: F401 - a fixture
