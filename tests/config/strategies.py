"""Any configuration that the keys' types allow, for properties."""

from __future__ import annotations

from hypothesis import strategies as st
from pydantic import BaseModel

from agent.method import Driver
from bot.config.keys import (
    BudgetPart,
    ChecksPart,
    ChecksScope,
    LimitsPart,
    PeriodPart,
    Push,
    Refused,
    RepoConfig,
    ReviewPart,
    TriggersPart,
)

FLAG = st.booleans()
SECONDS = st.floats(0.001, 1e6)
COUNT = st.integers(1, 10**6)
GLOBS = st.lists(st.sampled_from(["src/*", "docs/*", "*.py", "*", "a/b.py"]), max_size=3).map(tuple)
NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True).map(tuple)


def part(kind: type[BaseModel], **fields: st.SearchStrategy[object]) -> st.SearchStrategy[BaseModel]:
    """Each field is there or not: what was said matters."""
    return st.fixed_dictionaries({}, optional=fields).map(lambda said: kind(**said))


PERIODS = part(PeriodPart, runs=st.integers(0, 100), tokens=COUNT, money=SECONDS)
CONFIGS: st.SearchStrategy[RepoConfig] = part(
    RepoConfig,
    enabled=FLAG,
    label=st.sampled_from(["codeagent", "fix"]),
    triggers=part(
        TriggersPart,
        label=FLAG,
        commands=FLAG,
        assignment=FLAG,
        checks=st.sampled_from(ChecksScope),
        review=FLAG,
    ),
    refused=st.sampled_from(Refused),
    checks=part(ChecksPart, push=st.sampled_from(Push)),
    review=part(ReviewPart, limit=st.integers(0, 20)),
    base=st.sampled_from(["main", "next"]),
    draft=FLAG,
    labels=NAMES,
    reviewers=NAMES,
    title=st.sampled_from(["Fix {issue}", "{title}"]),
    body=st.just("{summary}"),
    language=st.sampled_from(["German", "pt-BR"]),
    allowed=GLOBS,
    protected=GLOBS,
    test_command=st.sampled_from([("pytest",), ("python", "-m", "unittest")]),
    setup=st.sampled_from([(), ("pip install x",)]),
    image=st.sampled_from(["base", "other"]),
    python=st.sampled_from(["3.11", "3.12"]),
    driver=st.sampled_from(Driver),
    model=st.sampled_from(["small", "large"]),
    limits=part(LimitsPart, seconds=SECONDS, memory_mib=st.integers(64, 10**6)),
    budget=part(
        BudgetPart, seconds=SECONDS, iterations=COUNT, tokens=COUNT, money=SECONDS, day=PERIODS, month=PERIODS
    ),
)  # type: ignore[assignment]  # RepoConfig is what was asked for
