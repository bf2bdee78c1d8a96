"""Why the patch is what it is, in plain sentences, from the transitions and feedback of the chosen path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from agent.search.tree import Node, Tree
from agent.types import (
    AddTests,
    Attempt,
    Edit,
    EditLines,
    Effect,
    FeedbackNote,
    Location,
    MarkTestWrong,
    Operation,
    Proof,
    ReplacePassage,
    RewriteSymbol,
    RunTests,
    TestFile,
    Transition,
    WriteFile,
    WriteOutline,
)
from sandbox.suites.types import SuiteReport

LINE = 400
ATTEMPTS = 40


def rationale(tree: Tree, solution: Node, proof: Proof) -> tuple[str, ...]:
    """Paragraphs: what failed, why and where, what was changed, what else was tried."""
    steps = [node.transition for node in solution.path if node.transition is not None]
    paragraphs = [
        _what_failed(solution.state.reproduction, proof.red),
        _why(solution),
        *(_what_changed(step) for step in steps if _edits(step)),
        _what_else(tree, solution),
    ]
    return tuple(paragraph for paragraph in paragraphs if paragraph)


def attempts(tree: Tree) -> tuple[Attempt, ...]:
    """What was tried, for the answer when nothing was found: tests first, then edits by how far they got."""
    tried = sorted(enumerate(tree.transitions), key=lambda pair: (*_rank(pair[1][1]), pair[0]))
    refused = [(node.transition, node.refused) for node in tree.refused]
    return tuple(
        Attempt(summary=step.plan.action.summary, outcome=_outcome(step, _refusal(step, refused)))
        for _, (_, step) in tried[:ATTEMPTS]
    )


def _what_failed(tests: Sequence[TestFile], red: SuiteReport) -> str:
    verified = " ".join(_sentence(test.verifies) for test in tests if test.verifies)
    failing = sorted((case for case in red.cases if case.failing), key=lambda case: case.id)
    shown = "; ".join(f"{case.id}: {_short(case.message)}" for case in failing[:3])
    more = f" ({len(failing) - 3} more fail)" if len(failing) > 3 else ""
    return f"{verified} On the base commit this fails: {shown}{more}.".strip()


def _why(solution: Node) -> str:
    """The feedback that the last edit answers: that of the node before it."""
    before = solution.parent
    notes = before.notes if before is not None else ()
    texts = list(dict.fromkeys(_sentence(_short(note.text)) for note in notes))
    places = _places(notes, solution.transition)
    if places:
        texts.append(f"Suspected: {places}.")
    return " ".join(texts)


def _places(notes: Sequence[FeedbackNote], step: Transition | None) -> str:
    target = step.plan.action.target if step is not None else None
    found = [place for note in notes for place in note.suspects]
    return ", ".join(dict.fromkeys(_place(place) for place in [*([target] if target else []), *found][:3]))


def _place(place: Location) -> str:
    inside = f" in {place.symbol}" if place.symbol else ""
    return f"{place.path}:{place.line}{inside}"


def _what_changed(step: Transition) -> str:
    told = [each for each in step.plan.steps if not isinstance(each.operation, RunTests)]
    reasons = dict.fromkeys(_sentence(each.reasoning) for each in told)
    places = dict.fromkeys(_touched(each.operation) for each in step.plan.steps if _touched(each.operation))
    where = f" ({', '.join(places)})" if places else ""
    return f"{_sentence(step.plan.action.summary)}{where} {' '.join(reasons)}"


def _what_else(tree: Tree, solution: Node) -> str:
    on_path = {id(node.transition) for node in solution.path}
    others = [step for _, step in tree.transitions if id(step) not in on_path]
    if not others:
        return ""
    measured = [step for step in others if step.effect is Effect.EXECUTED and _edits(step)]
    counts = Counter(step.effect for step in others)
    said = [f"{_count(len(measured), 'other change was', 'other changes were')} measured and rejected"]
    said = said if measured else []
    said += [_count(counts[effect], one, many) for effect, (one, many) in _ASIDE.items() if counts[effect]]
    if tree.refused:
        said.append(f"{len(tree.refused)} passed the tests but {_was(len(tree.refused))} refused by a gate")
    if not said:
        return ""
    examples = "; ".join(_short(step.plan.action.summary, 120) for step in measured[:3])
    return f"{', '.join(said)}{f' (among them: {examples})' if examples else ''}."


_ASIDE = {
    Effect.NOT_USED: (
        "was not used on the decision model's advice",
        "were not used on the decision model's advice",
    ),
    Effect.NOT_APPLIED: ("edit did not apply", "edits did not apply"),
    Effect.DUPLICATE: ("was the same as an earlier one", "were the same as an earlier one"),
}


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _rank(step: Transition) -> tuple[int, float]:
    if step.effect is not Effect.EXECUTED or step.after is None or step.after.results is None:
        return 2, 0.0
    return (1 if _edits(step) else 0), -step.after.results.score


def _refusal(step: Transition, refused: Iterable[tuple[Transition | None, str]]) -> str:
    return next((why for other, why in refused if other is step), "")


def _outcome(step: Transition, refusal: str) -> str:
    if refusal:
        return f"passes the tests; refused: {_short(refusal)}"
    results = step.after.results if step.after is not None else None
    if results is None:
        return f"{step.effect.value}: {_short(step.remark or step.decision.reason)}"
    if not _edits(step):
        return _short(results.remark) or "measured"
    failing = sorted((case for case in results.generated.cases if case.failing), key=lambda case: case.id)
    if failing:
        return f"the reproduction still fails: {_short(failing[0].message, 200)}"
    if results.regressions:
        return f"breaks {len(results.regressions)} tests, among them {results.regressions[0]}"
    return _short(results.generated.problem) or "no test ran"


def _edits(step: Transition) -> bool:
    return any(isinstance(each.operation, Edit) for each in step.plan.steps)


def _touched(operation: Operation) -> str:
    match operation:
        case EditLines():
            return f"{operation.path}:{operation.first}"
        case WriteFile():
            return operation.path
        case RewriteSymbol():
            return f"{operation.path}, {operation.symbol}"
        case ReplacePassage():
            return operation.path
        case AddTests() | MarkTestWrong() | WriteOutline() | RunTests():
            return ""


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?", ":")) else f"{text}."


def _short(text: str, most: int = LINE) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
