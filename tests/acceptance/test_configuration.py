"""A repository's own configuration over its owner's defaults, from the label to the pull request."""

from __future__ import annotations

import sys

import pytest

from tests.acceptance.support import OWNER, Service, with_files

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]

DEFAULTS = "labels: [automatic]\nprotected: ['generated/*']\n"
OWN = f"""
base: next
title: "[{{issue}}] {{title}}"
body: "For {{sender}}."
draft: true
labels: [bug]
reviewers: [carol]
allowed: ["src/*", "tests/*"]
python: {sys.version_info.major}.{sys.version_info.minor}
setup:
  - cd tools
  - cp needed.py "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
"""
FILES = {
    ".github/codeagent.yml": OWN,
    "tools/needed.py": "",
    "conftest.py": "import sys\nimport needed\nassert needed.__file__.startswith('/env/')\n"
    f"assert sys.version_info[:2] == {sys.version_info[:2]}\n",
}


def test_what_a_repository_says_is_done(service: Service) -> None:
    service.github.create_repository(f"{OWNER}/.github", files={"codeagent.yml": DEFAULTS})
    repository = service.repository("configured", with_files(FILES))
    service.github.set_role(repository, "carol", "write")
    service.github.create_branch(repository, "next")
    asked = service.ask(repository).finished()
    (pull,) = asked.pulls
    assert pull.title.startswith(f"[{asked.number}] clamp_page returns pages")
    assert pull.body is not None
    assert pull.body.index("For alice.") < pull.body.index("## Proof")
    assert pull.pull is not None
    assert (pull.pull.base, pull.pull.draft) == ("next", True)
    assert set(pull.label_names) == {"automatic", "bug", "codeagent"}
    assert [each.login for each in pull.pull.reviewers] == ["carol"]
