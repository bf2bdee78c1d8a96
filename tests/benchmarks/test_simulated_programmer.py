"""The simulated programmer: graded drafts, answers that repeat, and a whole run behind the real endpoint."""

from __future__ import annotations

import ast
import compileall
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from agent.llm.replies import Explanations, Proposals, Verdict
from agent.skills.architect import OutlineReply
from agent.skills.debugger import RepairReply
from agent.skills.implementer import EditsReply
from agent.skills.test_designer import DesignReply
from benchmarks import ablations
from benchmarks.memo_sandboxes import MemoSandboxes
from benchmarks.simulated_programmer import Ability, Programmer
from benchmarks.simulated_tasks import Knowledge, Known, by_title, hidden_inputs, knowledge_of, near
from benchmarks.simulated_variants import Variants, variants_of
from bot.bench import humaneval
from bot.bench.rows import settle
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environments import Environment
from tests.agent.offline import make_environment

PROMPT = '''def inside(values, low, high):
    """Count the values from low up to, but not including, high.
    >>> inside([1, 2, 3], 2, 3)
    1
    """
'''
SOLUTION = """    count = 0
    for value in values:
        if value >= low and value < high:
            count = count + 1
    return count
"""
ASSERTS = ("([1, 2, 3], 2, 3) == 1", "([5, 6, 7, 8], 6, 8) == 2", "([], 0, 1) == 0", "([4, 4], 4, 9) == 2")
CHECK = "def check(candidate):\n" + "".join(f"    assert candidate{each}\n" for each in ASSERTS)
ROW = {
    "task_id": "Own/0",
    "prompt": PROMPT,
    "entry_point": "inside",
    "canonical_solution": SOLUTION,
    "test": CHECK,
}
SURE = Ability(**{field.name: 1.0 for field in fields(Ability)})
POLICY = "Implement inside\n\nPossible now: `test designer`, `architect`.\n\nPropose 5 distinct actions.\n"
USUAL = Ability()
LOADED = ("pytest", "_pytest.assertion.rewrite", "_pytest.python", "_pytest.terminal", "_pytest.junitxml")


def variants() -> Variants:
    found = variants_of(PROMPT + SOLUTION, "inside")
    assert found is not None
    compares = [site for site in found.sites if site.kind == "compare"]
    return found.only([*compares, *(site for site in found.sites if site.kind == "binop")])


def knowledge() -> Knowledge:
    known = tuple(Known(arguments=f"[{n}, 2], 1, 3", right="1", wrong="2") for n in range(4, 12))
    return Knowledge(
        problem="Own/0",
        title="Implement inside",
        entry="inside",
        path="solution.py",
        stub=f"{PROMPT}    raise NotImplementedError\n",
        line=1,
        variants=variants(),
        known=known,
    )


def programmer(ability: Ability = USUAL, seed: int = 1) -> Programmer:
    return Programmer(by_title([knowledge()]), ability, seed)


def test_a_draft_is_wrong_where_it_says_so() -> None:
    found = variants()
    drafts = list(found.drafts())
    assert drafts[0] == found.right
    assert ast.dump(ast.parse(found.source(found.right))) == ast.dump(ast.parse(PROMPT + SOLUTION))
    texts = {found.source(draft) for draft in drafts}
    assert len(texts) == len(drafts) == 27
    both = found.source((1, 0, 1))
    assert "value > low and value < high" in both
    assert "count = count - 1" in both
    assert "# draft d101" in both.splitlines()[0]


@pytest.mark.parametrize(
    "source",
    [
        "def other():\n    return 1 + 1\n",
        "def inside(x):\n    return helper(x) + 1\n\n\ndef helper(x):\n    return x\n",
        "@cache\ndef inside(x):\n    return x + 1\n",
        "def inside(x):\n    return x\n",
    ],
)
def test_what_it_is_not_made_for_is_left_out(source: str) -> None:
    assert variants_of(source, "inside") is None


def test_its_inputs_are_near_the_hidden_ones_and_never_the_same() -> None:
    import random

    hidden = hidden_inputs(CHECK, "inside")
    found = near(hidden, random.Random(0))
    assert len(hidden) == 4
    assert len(found) > 20
    assert not set(found) & set(hidden)
    assert all(isinstance(ast.literal_eval(text), tuple) for text in found)


def test_the_same_seed_and_prompt_give_the_same_answer() -> None:
    first, again = (programmer().answer("Proposals", POLICY) for _ in range(2))
    assert first == again
    assert first != programmer(seed=2).answer("Proposals", POLICY)


def test_asked_the_same_again_it_answers_otherwise_but_not_to_a_request_that_is_sent_again() -> None:
    one = programmer()
    first = one.answer("Proposals", POLICY, "key 1")
    assert one.answer("Proposals", POLICY, "key 2") != first
    assert one.answer("Proposals", POLICY, "key 1") == first


DRAFT = "\n## Code in its current state, lines numbered\n 1 def inside(…):  # draft d010\n"
FAILING = (
    '\n## Failing tests\n\n<untrusted name="failing test" id="1">\n1. tests/test_a.py::test_inside_4_right\n'
    "AssertionError\n</untrusted>\n"
)
ACTION = '\n## The action to work out\n\n<untrusted name="action" id="1">\n{}\n</untrusted>\n'


@pytest.mark.parametrize(
    ("form", "prompt", "kind"),
    [
        ("Proposals", POLICY, Proposals),
        ("OutlineReply", ACTION.format("Outline [poor]."), OutlineReply),
        ("EditsReply", ACTION.format("Write it [d000]."), EditsReply),
        ("RepairReply", DRAFT + ACTION.format("Change it [d000]."), RepairReply),
        ("DesignReply", "Write 2 to 4 cases, several kinds among them.", DesignReply),
        ("Verdict", DRAFT + "\n## Plan\n\ndef inside(…):  # draft d000\n", Verdict),
        ("Explanations", DRAFT + FAILING, Explanations),
    ],
)
def test_it_answers_in_the_forms_that_are_asked_for(form: str, prompt: str, kind: Any) -> None:
    answer = programmer(SURE).answer(form, f"Implement inside\n{prompt}")
    kind.model_validate_json(json.dumps(answer), strict=False)


def test_what_it_proposed_is_what_it_writes() -> None:
    text = "Implement inside\n" + DRAFT + ACTION.format("Change the faulty lines [d012].")
    edit = programmer().answer("RepairReply", text)["edits"][0]
    assert (edit["expected"], edit["replacement"]) == tuple(map(variants().source, ((0, 1, 0), (0, 1, 2))))


def test_useful_feedback_makes_a_right_edit_likelier() -> None:
    ability = replace(SURE, edit=0.0)
    said = programmer(ability).answer("Explanations", "Implement inside\n" + DRAFT + FAILING)
    explanation = said["explanations"][0]["explanation"]
    assert "[site 1]" in explanation
    told = "Implement inside\n" + DRAFT + ACTION.format(f"Correct what the feedback found: {explanation}")
    plain = "Implement inside\n" + DRAFT + ACTION.format("Change something.")
    right = variants().source((0, 0, 0))
    assert programmer(ability).answer("RepairReply", told)["edits"][0]["replacement"] == right
    assert programmer(ability).answer("RepairReply", plain)["edits"][0]["replacement"] != right


@pytest.mark.parametrize(
    ("plan", "use"),
    [
        ("def inside(…):  # draft d000", True),
        ("def inside(…):  # draft d011", False),
        ("def test_inside_3_right(): …", True),
        ("def test_inside_3_wrong(): …", False),
        ("Approach: as described [poor].", False),
    ],
)
def test_its_decision_is_right_when_it_is_able(plan: str, use: bool) -> None:
    text = f"Implement inside\n{DRAFT}\n## Plan\n\n{plan}\n"
    assert programmer(SURE).answer("Verdict", text)["use"] is use


def test_two_problems_of_one_title_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="Implement inside"):
        by_title([knowledge(), knowledge()])


def test_a_mean_is_of_each_seed_first() -> None:
    rows: Any = [(1, 0.0), (1, 1.0), (2, 1.0), (2, 1.0)]
    assert ablations.over_seeds(rows, float, percent=True) == "75.0 ± 35.4"
    assert ablations.over_seeds(rows[:2], float, percent=False) == "0.5"


# --- Whole runs ---------------------------------------------------------------------------------------------


def experiment(place: Path, ability: Ability, *only: str) -> ablations.Experiment:
    data = place / "own.jsonl"
    data.write_text(json.dumps(ROW) + "\n")
    return ablations.Experiment(
        data=data, out=place / "rows", cache=place, seeds=1, ability=ability, only=frozenset(only)
    )


def measured(given: ablations.Experiment, environment: Environment, *, memo: bool) -> Mapping[str, Any]:
    (problem,) = humaneval.problems(given.data, "python")
    found = {}
    sandboxes = BubblewrapSandboxes()
    with MemoSandboxes(sandboxes) as kept, ablations.stage(given, environment, problem) as measure:
        for configuration, seed in given.each():
            out = given.place(configuration, seed) / str(memo)
            settle(out, given.setup(configuration, seed))
            for row in measure(configuration, seed, kept if memo else sandboxes, out):
                found[configuration.name + row.label] = row
    return found


@pytest.mark.bubblewrap
def test_the_programmer_knows_a_problem() -> None:
    problem = humaneval.python_problems.problem("Own/0", "inside", PROMPT)
    hidden = humaneval.python_problems.from_check(CHECK, "inside", "Own/0")
    key = humaneval.Key(hidden=hidden, reference=PROMPT + SOLUTION)
    found = knowledge_of(problem, key, BubblewrapSandboxes())
    assert found is not None
    assert len(found.variants.sites) == 3
    assert found.stub.startswith("def inside(")
    assert all(each.right != each.wrong for each in found.known)


@pytest.mark.bubblewrap
@pytest.mark.slow
def test_a_run_behind_the_real_endpoint_is_the_same_with_kept_answers(tmp_path: Path) -> None:
    """The able programmer is proven right; a row does not depend on whether sandbox runs are kept."""
    directory = make_environment(tmp_path / "env")
    compileall.compile_dir(directory / "lib", quiet=1)  # as a build leaves it: nothing is compiled per run
    environment = Environment(directory=directory, key="own", tools=("pytest",), preload=LOADED)
    given = experiment(tmp_path, SURE, "greedy")
    kept = measured(given, environment, memo=True)["greedymain"]
    plain = measured(given, environment, memo=False)["greedymain"]
    assert (kept.stop, kept.passed, kept.total, kept.exact) == ("solved", 4, 4, True)
    differing = [
        field.name
        for field in fields(kept)
        if field.name not in ablations.CHANCE and getattr(kept, field.name) != getattr(plain, field.name)
    ]
    assert differing == []
