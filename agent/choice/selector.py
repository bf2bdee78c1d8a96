"""Which survivor is proven first: dual execution agreement, tie-breaks, and a question where they differ on
what the issue leaves open.

Witnesses vote and gate nothing: every survivor passes all that gates. What decides is execution only (A7);
the policy's score comes last but for the digest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from agent.choice import tie_breaks
from agent.choice.agreement import Cluster, Passed, b4, clusters, codet
from agent.choice.differences import Differences, Seen, gating
from agent.clarify import ANSWER, Clarifier, Determined, Heard, Open, Unjudged, answered, same_output
from agent.codec import encode
from agent.errors import AwaitingAnswer
from agent.executor import Bench, selection
from agent.method import Agreement, Method
from agent.protocols import Context, Journal, JsonObject, Survivor
from agent.types import GateResult, Question, State, TestFile
from agent.witnesses import MODEL
from sandbox.suites.types import Verdict

GATE = "answer-obeyed"
TALK = 20  # comments that are no answer; the one after is taken for an answer, so that an end comes
JUDGED = 3  # differences that the clarifier is asked about, per batch of survivors


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A survivor with all that decides about it. ``votes`` is the score of its cluster."""

    survivor: Survivor
    passed: Passed = frozenset()
    votes: float = 0.0
    static: tie_breaks.Static = (0, 0, 0)
    size: int = 0

    @property
    def key(self) -> tuple[float, tie_breaks.Static, int, float, str]:
        action, state = self.survivor.action, self.survivor.state
        return (-self.votes, self.static, self.size, -action.score, state.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The one question of a run, what was answered, and the output that it means (None: none for sure)."""

    question: Question
    answer: str
    seen: Seen
    output: str | None


class Chooser:
    """A :class:`agent.protocols.Selector`. One per run: it asks one question at most.

    ``answers`` gives a person's answer, or None while there is none. ``clarifier`` None: no questions.
    """

    def __init__(
        self,
        bench: Bench,
        journal: Journal,
        method: Method,
        *,
        clarifier: Clarifier | None = None,
        answers: Callable[[Question], str | None] = lambda _question: None,
    ) -> None:
        self._bench = bench
        self._journal = journal
        self._method = method
        self._clarifier = clarifier if method.clarify else None
        self._answers = answers
        self._differences = Differences(bench)
        self._answered: Answered | None = None
        self._informed: Context | None = None

    def order(self, context: Context, survivors: Sequence[Survivor]) -> Sequence[Survivor]:
        """Best first. Raises AwaitingAnswer."""
        witnesses = _witnesses(survivors)
        if not witnesses and all(survivor.action.origin != MODEL for survivor in survivors):
            return survivors  # built-in: its learned ranker knows more than the size of a change
        ranked, cases = self._ranked(context, survivors, witnesses)
        self._journal.note("choice", _note(self._method.agreement, ranked, cases))
        if self._answered is not None:
            ranked = self._obeying(ranked, self._answered)
        elif self._clarifier is not None and len(ranked) > 1:
            ranked = self._clarified(context, ranked, witnesses, self._clarifier)
        return tuple(candidate.survivor for candidate in ranked)

    def informed(self, context: Context) -> Context:
        """The context with what was answered meanwhile: it is part of the task for all later prompts."""
        if self._answered is None:
            return context
        if self._informed is None:  # once: who keeps things per context shall find them again
            self._informed = answered(context, self._answered.question, self._answered.answer)
        return self._informed

    @property
    def settled(self) -> str:
        """What was asked and answered, for the rationale; empty when nothing was."""
        if self._answered is None:
            return ""
        asked = " ".join(self._answered.question.text.split())
        call = (self._answered.question.input.strip().splitlines() or ["this"])[-1].replace("`", "'")
        answer = " ".join(self._answered.answer.split())[:400]
        return f"The issue leaves open what `{call}` gives. Asked: {asked} Answered: {answer}"

    def gate(self, state: State) -> GateResult | None:
        """Whether a patch does what was answered, if anything was: a person's word gates."""
        if self._answered is None or self._answered.output is None:
            return None
        given = self._differences.output(state, self._answered.seen, fresh=True)
        if given == self._answered.output:
            return GateResult(name=GATE, passed=True, explanation=f"gives {given[:200]}, as was answered")
        shown = "nothing" if given is None else given[:200]
        wanted = self._answered.output[:200]
        return GateResult(name=GATE, passed=False, explanation=f"gives {shown}, answered was {wanted}")

    # --- Votes --------------------------------------------------------------------------------------------

    def _ranked(
        self, context: Context, survivors: Sequence[Survivor], witnesses: tuple[TestFile, ...]
    ) -> tuple[list[Candidate], int]:
        rows, cases = self._votes(survivors, witnesses)
        scores = {index: each.score for each in self._scored(rows, cases) for index in each.members}
        source = context.source
        candidates = [
            Candidate(
                survivor=survivor,
                passed=rows[index],
                votes=round(scores[index], 6),  # the last digits of a logarithm are the machine's
                static=tie_breaks.static(survivor.state.patch, source),
                size=tie_breaks.size(survivor.state.patch, source),
            )
            for index, survivor in enumerate(survivors)
        ]
        if self._method.agreement is Agreement.SCORE:
            return sorted(candidates, key=lambda each: each.key[-2:]), cases
        return sorted(candidates, key=lambda each: each.key), cases

    def _votes(
        self, survivors: Sequence[Survivor], witnesses: tuple[TestFile, ...]
    ) -> tuple[list[Passed], int]:
        """Every witness once on every survivor, one run each."""
        if not witnesses:
            return [frozenset() for _ in survivors], 0
        tests = gating(witnesses)
        runs = [
            self._bench.run(
                State(patch=survivor.state.patch, tests=tests), selection(tests), label="witnesses"
            )
            for survivor in survivors
        ]
        reports = self._bench.reports(runs)
        ran = {case.id for report in reports for case in report.cases if case.verdict is not Verdict.SKIPPED}
        return [report.passing for report in reports], len(ran)

    def _scored(self, rows: Sequence[Passed], cases: int) -> tuple[Cluster, ...]:
        match self._method.agreement:
            case Agreement.CODET:
                return codet(rows)
            case Agreement.CODET_ROOT:
                return codet(rows, root=True)
            case Agreement.B4:
                return b4(rows, cases)
            case Agreement.SCORE:
                return clusters(rows)
            case never:
                assert_never(never)

    # --- Clarification ------------------------------------------------------------------------------------

    def _clarified(
        self,
        context: Context,
        ranked: list[Candidate],
        witnesses: tuple[TestFile, ...],
        clarifier: Clarifier,
    ) -> list[Candidate]:
        """Those first that give what the issue determines, or what a person answers."""
        inputs = clarifier.inputs(context, [each.survivor for each in ranked])
        seen = self._differences.between(
            [each.survivor.state for each in ranked], [each.passed for each in ranked], witnesses, inputs
        )
        preferred = ranked
        for each in seen[:JUDGED]:
            difference = each.difference([(each_.survivor.state, each_.votes) for each_ in preferred])
            if difference is None:
                continue
            judgement = clarifier.judge(context, difference)
            self._journal.note("clarification", {"input": each.input, "judgement": encode(judgement)})
            match judgement:
                case Determined(value=value):
                    right = [c for c in preferred if same_output(value, each.of(c.survivor.state) or "")]
                    preferred = right or preferred
                case Open(question=text):
                    question = Question(text=text, input=each.input, outputs=difference.outputs)
                    return self._asked(context, ranked, question, each, clarifier)
                case Unjudged():
                    pass
                case never:
                    assert_never(never)
        return [*preferred, *(each for each in ranked if each not in preferred)]

    def _asked(
        self, context: Context, ranked: list[Candidate], question: Question, seen: Seen, clarifier: Clarifier
    ) -> list[Candidate]:
        """The question is noted before it is asked: a run that waits shows it."""
        self._journal.note("question", {"question": encode(question)})
        said: list[str] = []
        while True:
            said.append(self._answer(question, said))
            chosen = clarifier.chosen(context, question, said[-1])
            output = question.outputs[chosen] if isinstance(chosen, int) else None
            still_open = chosen is Heard.NOTHING and len(said) < TALK
            self._journal.note("answer", {"answer": said[-1], "output": output, "open": still_open})
            if not still_open:
                break
        self._answered = Answered(question=question, answer=said[-1], seen=seen, output=output)
        return self._obeying(ranked, self._answered)

    def _answer(self, question: Question, said: Sequence[str]) -> str:
        """What a person said after this: kept, so that a resumed run goes on the same way."""

        def perform() -> JsonObject:
            text = (self._answers(question) or "").strip()[:ANSWER]
            if not text or text in said:
                raise AwaitingAnswer(question)
            return {"text": text}

        request: JsonObject = {"question": encode(question), "after": len(said)}
        return str(self._journal.effect("answer", request, perform)["text"])

    def _obeying(self, ranked: list[Candidate], ruled: Answered) -> list[Candidate]:
        """Those that give what was answered come first; the gate keeps the others back."""
        if ruled.output is None:
            return ranked
        obeys = [self._differences.output(each.survivor.state, ruled.seen) == ruled.output for each in ranked]
        pairs = list(zip(ranked, obeys, strict=True))
        return [each for each, first in pairs if first] + [each for each, first in pairs if not first]


def _witnesses(survivors: Sequence[Survivor]) -> tuple[TestFile, ...]:
    """Of all survivors, one per path."""
    found: dict[str, TestFile] = {}
    for survivor in survivors:
        for test in survivor.state.witnesses:
            found.setdefault(test.path, test)
    return tuple(found[path] for path in sorted(found))


def _note(rule: Agreement, ranked: Sequence[Candidate], cases: int) -> JsonObject:
    """How it was chosen. ``validity``: of all generated cases, the share that pass with this patch; that of
    the accepted one says how good the generated tests were (A9)."""
    return {
        "rule": rule.value,
        "witness_cases": cases,
        "candidates": [
            {
                "state": each.survivor.state.digest,
                "action": each.survivor.action.id,
                "votes": each.votes,
                "witnesses_passed": len(each.passed),
                "static": list(each.static),
                "lines": each.size,
                "score": each.survivor.action.score,
                "validity": _validity(each, cases),
            }
            for each in ranked
        ],
    }


def _validity(candidate: Candidate, cases: int) -> float | None:
    results = candidate.survivor.state.results
    own = results.generated.cases if results is not None else ()
    ran = [case for case in own if case.verdict is not Verdict.SKIPPED]
    total = cases + len(ran)
    passed = len(candidate.passed) + sum(not case.failing for case in ran)
    return round(passed / total, 4) if total else None
