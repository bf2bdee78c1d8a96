"""Is GitHub's description at hand? Its judge needs a development dependency, which ``make demo`` lacks."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.double.openapi import OpenApi

MODULES = Path(__file__).parent.parent / "npm" / "node_modules" / "@octokit"
DESCRIPTION = MODULES / "openapi" / "generated" / "api.github.com.json"


@lru_cache(maxsize=1)
def installed() -> OpenApi | None:
    """Read once per process (0.2 s); None without the npm test tools or without jsonschema."""
    if not DESCRIPTION.is_file() or find_spec("jsonschema") is None:
        return None
    from tests.double.openapi import OpenApi

    return OpenApi(DESCRIPTION)
