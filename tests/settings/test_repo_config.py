"""``.github/codeagent.yml``: narrow, only ever tightening, and never a way in (threat 24)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.types import Budget
from bot.errors import ConfigError
from bot.repo_config import (
    LARGEST,
    RepoConfig,
    read_repo_config,
    tighten_budget,
    tighten_limits,
)
from sandbox import Limits

WHOLE = b"""
enabled: true
label: fix-it
draft: true
test_command: [python, -m, pytest, -q]
protected: ["docs/**", "*.lock"]
limits: {seconds: 10, memory_mib: 256}
budget:
  seconds: 60
  iterations: 5
"""


def test_all_of_it() -> None:
    config = read_repo_config(WHOLE)
    assert config.test_command == ("python", "-m", "pytest", "-q")
    assert config.protected == ("docs/**", "*.lock")
    assert (config.label, config.draft, config.enabled) == ("fix-it", True, True)
    limits, budget = tighten_limits(config, Limits()), tighten_budget(config, Budget())
    assert (limits.seconds, limits.memory_mib, limits.processes) == (10, 256, Limits().processes)
    assert (budget.max_seconds, budget.max_iterations, budget.max_steps) == (60, 5, Budget().max_steps)


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n", b"---\n", b"{}", b"\xef\xbb\xbf{}"])
def test_nothing_is_the_defaults(content: bytes | None) -> None:
    assert read_repo_config(content) == RepoConfig()


@given(st.floats(0.1, 1e6), st.floats(0.1, 1e6), st.integers(64, 10**6), st.integers(64, 10**6))
def test_it_only_tightens(theirs: float, ours: float, their_memory: int, our_memory: int) -> None:
    both = f"limits: {{seconds: {theirs!r}, memory_mib: {their_memory}}}\nbudget: {{seconds: {theirs!r}}}"
    config = read_repo_config(both.encode())
    limits = tighten_limits(config, Limits(seconds=ours, memory_mib=our_memory))
    assert limits.seconds == min(ours, theirs)
    assert limits.memory_mib == min(our_memory, their_memory)
    assert tighten_budget(config, Budget(max_seconds=ours)).max_seconds == min(ours, theirs)


BOMB = b"a: &a [x]\n" + b"".join(f"k{n}: &k{n} [*a, *a]\n".encode() for n in range(9))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x" * (LARGEST + 1), "are allowed. Shorten it"),
        (b"\xff\xfe", "is not UTF-8 (byte 0)"),
        (b"a: [", "is not YAML that is understood"),
        (b"[1, 2]", "must be a mapping"),
        (b"text", "must be a mapping"),
        (b"run_on_host: evil", "run_on_host: there is no such key"),
        (b"limits: {network: true}", "line 1: limits.network: there is no such key"),
        (b"limits: {seconds: -1}", "limits.seconds: Input should be greater than 0"),
        (b"limits: {seconds: .inf}", "limits.seconds: Input should be a valid number"),
        (b"limits: {seconds: .nan}", "limits.seconds: "),
        (b"limits: 3", "limits: Input should be"),
        (b"budget: {iterations: 0}", "budget.iterations: "),
        (b"test_command: pytest", "test_command: "),
        (b"test_command: ['']", "1 to 1000 characters"),
        (b'protected: ["a\\0b"]', "no NUL"),
        (b"draft: maybe", "draft: Input should be a valid boolean"),
        (b"draft: true\ndraft: false", "'draft' stands there twice"),
        (b"label: " + b"x" * 51, "label: String should have at most 50"),
        (BOMB, "aliases (*name) are not allowed"),
        (b"[" * 3000, "nested too deeply"),
        (b"draft: 2024-99-99", "draft: Input should be a valid boolean"),
        (b"draft: true\n\nbudget:\n  seconds: x\n", "line 4: budget.seconds: Input should be a valid number"),
        (b"labels:\n  - a\n  - ''\n", "line 3: labels.1: "),
        (b"title: 'Fix {0.__class__}'", "{0.__class__} is no placeholder"),
        (b"body: '<!-- codeagent:head 1 -->'", "line 1: body: HTML comments are not allowed"),
        (b"body: |\n  ```\n  x\n", "a code fence (``` or ~~~) is left open"),
        (b"body: <details>", "<details> is left open"),
        (b"reviewers: ['a b']", "reviewers.0: "),
        (b"python: 2.7", "python: String should match"),
        (b"? [a]\n: b", "is not YAML that is understood"),
        (b"1: x", "1: "),
    ],
)
def test_what_is_wrong_is_named(content: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_repo_config(content)
    assert said in str(caught.value)
    assert ".github/codeagent.yml" in str(caught.value)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "!!python/name:os.system",
        "!!python/object/new:pathlib.Path [x]",
    ],
)
def test_no_tag_runs_anything(tag: str, tmp_path: Path) -> None:
    marker = tmp_path / "attacked"
    with pytest.raises(ConfigError, match="is not YAML that is understood"):
        read_repo_config(f"draft: {tag.format(marker)}".encode())
    assert not marker.exists()


YAML_LIKE = st.text("ab:{}[],\n -&*!|>'\"#?%@`~.0159\t", max_size=60).map(str.encode)


@given(st.one_of(st.binary(max_size=300), YAML_LIKE))
def test_no_bytes_break_it(content: bytes) -> None:
    said = ""
    try:
        assert isinstance(read_repo_config(content), RepoConfig)
    except ConfigError as error:
        said = str(error)
    assert len(said) < 5000
