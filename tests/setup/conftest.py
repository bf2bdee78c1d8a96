from __future__ import annotations

from tests.double.fixtures import github  # noqa: F401 - a fixture
from tests.jobs.conftest import database, postgres_server  # noqa: F401 - fixtures
