"""Samples and splits: functions of a problem's name and the seed, so that they cannot overlap (F4, F5)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.triplets.choose import By, Choice, Side, chosen, side_of
from agent.triplets.label import task_id
from agent.types import Task

TASKS = st.lists(
    st.builds(
        Task,
        repository=st.sampled_from([f"owner/{number}" for number in range(30)]) | st.text(),
        base=st.sampled_from(["0" * 40, "1" * 40]),
        title=st.text(max_size=5),
        text=st.text(max_size=5),
    ),
    max_size=40,
)
CHOICES = st.builds(
    Choice, seed=st.integers(), by=st.sampled_from(By), eval_share=st.floats(min_value=0, max_value=1)
)


def with_side(choice: Choice, side: Side | None, sample: int | None = None) -> Choice:
    return Choice(sample=sample, seed=choice.seed, side=side, by=choice.by, eval_share=choice.eval_share)


@given(TASKS, TASKS, CHOICES)
def test_the_sides_never_share_a_problem(some: list[Task], others: list[Task], choice: Choice) -> None:
    """Also when they are exported apart, from runs that overlap."""
    train = chosen([*some, *others], with_side(choice, Side.TRAIN))
    evaluation = chosen(others, with_side(choice, Side.EVAL))
    assert not train & evaluation
    assert chosen(others, with_side(choice, None)) == evaluation | (
        train & {task_id(task) for task in others}
    )


@given(TASKS, CHOICES)
def test_a_repository_is_on_one_side_only(tasks: list[Task], choice: Choice) -> None:
    choice = Choice(seed=choice.seed, eval_share=choice.eval_share, by=By.REPOSITORY)
    sides: dict[str, set[Side]] = {}
    for task in tasks:
        sides.setdefault(task.repository, set()).add(side_of(task, choice))
    assert all(len(found) == 1 for found in sides.values())


@given(TASKS, CHOICES, st.integers(1, 50), st.integers(1, 50))
def test_a_larger_sample_holds_the_smaller(tasks: list[Task], choice: Choice, one: int, other: int) -> None:
    small, large = sorted((one, other))
    few, many = (chosen(tasks, with_side(choice, None, size)) for size in (small, large))
    assert few <= many
    assert len(many) == min(large, len({task_id(task) for task in tasks}))


def test_the_seed_decides() -> None:
    tasks = [Task(repository=f"o/{n}", base="0", title="t", text="x") for n in range(400)]
    first = chosen(tasks, Choice(sample=40, seed=1))
    assert first == chosen(reversed(tasks), Choice(sample=40, seed=1))
    assert first != chosen(tasks, Choice(sample=40, seed=2))
    share = len(chosen(tasks, Choice(side=Side.EVAL, eval_share=0.25))) / 400
    assert 0.18 < share < 0.32
    assert chosen(tasks, Choice(side=Side.EVAL, eval_share=0.0)) == frozenset()
    assert chosen(tasks, Choice(side=Side.TRAIN, eval_share=1.0)) == frozenset()
