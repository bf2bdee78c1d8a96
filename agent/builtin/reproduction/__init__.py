"""Test Designer with no model: reproduction tests from the issue's own text.

``designs`` answers test files, most plausible reading first; ``actions`` the same as scored actions;
``explain`` says in words what was looked for when there is none. All three are pure: they read the issue and
the source tree, and nothing of the issue is ever evaluated. The engine runs each design on base and keeps
those that fail there for the stated reason (:class:`agent.types.FailureSign`), so a reading that is wrong
costs a run and proves nothing.

markdown → tokens → prose, code, tables → ledger → claims → design → render
"""

from __future__ import annotations

from agent.builtin.reproduction.design import Design, designs_of
from agent.builtin.reproduction.reading import Reading, read
from agent.protocols import Context
from agent.types import Action, AddTests, Skill, TestFile

__all__ = ["Design", "actions", "designs", "explain", "scored"]


def scored(context: Context) -> tuple[Design, ...]:
    """Designs with their confidence, best first. Names of several symbols are read both ways."""
    return designs_of(context, _readings(context))


def designs(context: Context) -> tuple[TestFile, ...]:
    """Reproduction tests made from the issue, best first; empty when nothing in it can be tested."""
    return tuple(design.test for design in scored(context))


def actions(context: Context) -> tuple[Action, ...]:
    """The designs as actions of the Test Designer (B5, C2): one AddTests each, scored by confidence."""
    return tuple(
        Action(
            id=f"design-{number}",
            skill=Skill.TEST_DESIGNER,
            kind="reproduction from the issue's text",
            summary=f"Test that {design.test.verifies}",
            score=design.confidence,
            operations=(AddTests(tests=(design.test,)),),
            score_source="confidence in this reading of the issue",
        )
        for number, design in enumerate(scored(context), 1)
    )


def explain(context: Context) -> str:
    """Why there is no reproduction test, or none that was convincing; for the answer in the issue."""
    reading = read(context)
    looked = (
        "I looked for calls of this repository's code together with what they give, raise or should give: "
        "interpreter sessions, code blocks, tracebacks, tables, and sentences such as "
        "`f(1)` returns 2, should be 3."
    )
    if reading.claims or reading.crashes or reading.doubtful:
        return f"{looked} Tests could be made, see what was tried."
    if reading.refused:
        listed = "; ".join(reading.refused[:5])
        return f"{looked} What was found could not be made into a test: {listed}."
    if reading.subjects:
        return f"{looked} Calls were found, but nothing that says what ought to come of them."
    return f"{looked} No such call was found. A call with its arguments and its expected result would help."


def _readings(context: Context) -> tuple[Reading, ...]:
    first = read(context)
    second = read(context, choice=1) if first.names.ambiguous else None
    return (first,) if second is None else (first, second)
