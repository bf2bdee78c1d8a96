"""The values of the CodeAgent method, in the paper's words (docs/method.md maps them to its sections).

Everything here is frozen to the leaves and comparable; what may happen is a closed union.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from sandbox.suites.types import Coverage, SuiteReport


class Skill(StrEnum):
    """The four hats (paper section 1; checklist B1 to B6)."""

    ARCHITECT = "architect"
    IMPLEMENTER = "implementer"
    DEBUGGER = "debugger"
    TEST_DESIGNER = "test designer"


class StopReason(StrEnum):
    """Why a run ended; exactly one is recorded (A4, U18)."""

    SOLVED = "solved"
    NOT_REPRODUCED = "not reproduced"  # no test made from the issue failed on base for the stated reason
    FLAKY = "flaky"  # the failing tests pass in some runs of the same code: nothing can be proven by them
    EXHAUSTED = "search exhausted"  # nothing left to propose anywhere
    ITERATIONS = "iteration cap"
    STEPS = "step cap"
    NO_IMPROVEMENT = "no improvement"
    TIME = "time cap"
    TOKENS = "token cap"
    MONEY = "money cap"
    MODEL = "model unusable"  # no key, no such model, or no sound answer time after time
    QUESTION = "question asked"  # the issue leaves open what is right: the answer resumes the run
    GATES = "gates refused"  # patches passed the tests, none passed the gates
    CANCELLED = "cancelled"
    UNRUNNABLE = "unrunnable"  # no environment, or no test ran at baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file's whole new content; None deletes it. ``path`` is POSIX, relative to the repository."""

    path: str
    content: bytes | None


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A whole change against the base commit: at most one FileChange per path, sorted by path."""

    changes: tuple[FileChange, ...] = ()

    @classmethod
    def of(cls, changes: Iterable[FileChange]) -> Patch:
        by_path = {change.path: change for change in changes}
        return cls(changes=tuple(by_path[path] for path in sorted(by_path)))

    def with_file(self, path: str, content: bytes | None) -> Patch:
        return Patch.of((*self.changes, FileChange(path=path, content=content)))

    @property
    def overlay(self) -> dict[str, bytes | None]:
        """The form that a sandbox takes (sandbox.Overlay)."""
        return {change.path: change.content for change in self.changes}

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(change.path for change in self.changes)

    @cached_property
    def digest(self) -> str:
        h = hashlib.sha256()
        for change in self.changes:
            body = b"-" if change.content is None else b"+" + change.content
            h.update(change.path.encode() + b"\0" + hashlib.sha256(body).digest())
        return h.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSign:
    """How a reproduction test must fail on base to count ("for the stated reason").

    ``exception`` is a class name without module ("AttributeError", "AssertionError"); empty accepts any test
    failure. ``fragment`` must occur in the failure's message or traceback; empty accepts any.
    """

    exception: str = ""
    fragment: str = ""


class TestRole(StrEnum):
    """What a made test is good for. Roles are given by measuring on base, never by a model alone (U22)."""

    __test__ = False  # not a pytest class

    REPRODUCTION = "reproduction"  # fails on base for the stated reason: every patch must turn it green
    WITNESS = "witness"  # does not fail on base: votes on candidates (dual agreement), gates nothing
    WRONG = "wrong"  # contradicts the issue: kept with the reason, never run again (U21)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A test that the Test Designer made (a test node of the hybrid search space: D1, U27).

    ``path`` lies where the repository keeps its tests, ``content`` is the whole new file, ``verifies``
    states in a sentence what it checks (B5), ``source`` quotes the part of the issue that it was made
    from. ``given`` marks tests handed in with the task rather than made.
    """

    __test__ = False  # not a pytest class

    path: str
    content: str
    verifies: str
    source: str = ""
    sign: FailureSign = field(default_factory=FailureSign)
    select: tuple[str, ...] = ()  # case ids to run; empty: the whole file
    given: bool = False
    role: TestRole = TestRole.REPRODUCTION
    reason: str = ""  # why it is wrong
    separable: bool = False  # a model made it: measuring on base may give its cases different roles


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFailure:
    """A test that somebody else saw fail. ``test`` is its address as it was printed there: from another
    directory, or dotted, perhaps. ``exception`` is the class name of what was raised, empty if unknown."""

    test: str
    exception: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingTests:
    """The repository's own tests that are said to fail on base: they are the reproduction, as they stand.

    ``named`` empty: whatever fails in the suite. They are run ``runs`` times before anything is tried.
    ``began`` makes of base the commit where its branch began: there they are run once, to tell whether it is
    the branch that broke them.
    """

    named: tuple[NamedFailure, ...] = ()
    runs: int = 5
    began: Patch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """How often a test failed when it was run again and again on base. ``aside`` says why its failure is
    not what is to be repaired; empty for a test that is part of the reproduction."""

    test: str
    runs: int
    failed: int
    message: str = ""  # of the last failure, one line
    aside: str = ""
    began: str = ""  # "passed", "failed" or "absent" where the branch began; empty: not asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Base is the head of a branch under review.

    ``undo`` takes base back to where the branch began, in whole files: a change is judged by what the branch
    would bring with it. ``proposal`` is a change that a person wrote, against base: nothing is searched for,
    it is proven as any patch is; empty: there is none.
    """

    undo: Patch = field(default_factory=Patch)
    proposal: Patch = field(default_factory=Patch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be solved, as every part of the method sees it: nothing of anybody's change to the code can
    be reached from it, so that tests are made without one (U22)."""

    repository: str  # "owner/name", a path or an URL: for messages and the journal only
    base: str  # commit id of the base
    title: str
    text: str
    number: int | None = None  # of the issue
    given_tests: tuple[TestFile, ...] = ()  # a failing test handed in: it is the reproduction
    test_command: tuple[str, ...] = ()  # replaces the detected one
    said: str = ""  # what the text refers to: a model is shown it, and no test is made from it
    explain: bool = False  # reproduce and localise only (agent.explain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Problem):
    """A problem (frozen when it was asked for), and what is known of the branch that it arose on."""

    failing: FailingTests | None = None  # existing tests that fail: they take the place of given ones
    review: Review | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in the code. ``line`` counts from 1; ``symbol`` is dotted within the file ("Bits.__new__")."""

    path: str
    line: int
    symbol: str = ""
    suspicion: float = 0.0  # 0 to 1, relative
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The Architect's artefact (B2): where, how, in which order."""

    targets: tuple[Location, ...]
    approach: str
    steps: tuple[str, ...] = ()


# --- Operations: what one plan step does -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOutline:
    outline: Outline


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTests:
    tests: tuple[TestFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditLines:
    """Replace lines ``first`` to ``last`` (from 1, inclusive) of the state's current file by ``replacement``.

    ``last == first - 1`` inserts before ``first``. ``expected`` is the text that must stand there now, or the
    edit does not apply. Both texts keep their line ends.
    """

    path: str
    first: int
    last: int
    expected: str
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    path: str
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSymbol:
    """Replace a whole function, method or class by new source, which is indented to where it stands.

    ``symbol`` is dotted within the file ("Bits.__new__"); it must exist exactly once.
    """

    path: str
    symbol: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacePassage:
    """Replace a passage that occurs exactly once, byte for byte; an empty one appends to a new file."""

    path: str
    passage: str
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkTestWrong:
    """A made test contradicts the issue (U21). At least one reproduction must remain; given tests stay."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTests:
    """Run the state's tests, and the suite's tests that can see the change."""


Edit = EditLines | RewriteSymbol | ReplacePassage | WriteFile
Operation = WriteOutline | AddTests | MarkTestWrong | Edit | RunTests


# --- Proposals and what becomes of them --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One proposal by the policy. ``score`` is the paper's logit score (C2, U11); ``kind`` names the
    operator or prompt that made it; ``id`` is unique among the proposals for one state and the same in
    every run."""

    id: str
    skill: Skill
    kind: str
    summary: str
    score: float
    operations: tuple[Operation, ...]
    target: Location | None = None
    score_source: str = "built-in ranking"  # or "log-probability", or "stated confidence" (U11)
    origin: str = "built-in"  # or "model": who plans and decides it
    level: str = ""  # of a model's repair: "line", "function", "file", "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a plan (C5): why, and what. Both are non-empty."""

    reasoning: str
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    action: Action
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Use the plan, or continue the search (C6)."""

    use: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """Another explanation of a failing test; scored as an action is, and becomes one (E1)."""

    text: str
    score: float
    suspects: tuple[Location, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackNote:
    """Natural-language explanation of one failing test (E1 to E3), stored for every failing test. What a
    model explained has a score (``score_source`` says of which kind) and ``others`` that are less likely."""

    test: str  # case id
    kind: str  # "simple" | "unit test" | "explanation" | "trace"
    text: str
    suspects: tuple[Location, ...] = ()
    score: float = 0.0
    score_source: str = ""
    others: tuple[Hypothesis, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What was measured of a state.

    ``generated`` is the run of the state's own tests; ``suite`` that of the repository's tests that can
    see the change (None: not run, because the state's own tests did not all pass). ``regressions`` are
    ids that passed on base and do not now. ``reproduced`` says, for a state whose code is still base,
    that the tests fail for the stated reason; ``remark`` explains it.
    """

    generated: SuiteReport = field(default_factory=SuiteReport)
    suite: SuiteReport | None = None
    regressions: tuple[str, ...] = ()
    coverage: Coverage | None = None
    reproduced: bool = False
    remark: str = ""

    @property
    def score(self) -> float:
        """Pass share over the state's test nodes (U27), less one for each regression."""
        ran = [case for case in self.generated.cases if case.verdict != "skipped"]
        share = sum(not case.failing for case in ran) / len(ran) if ran else 0.0
        return share - len(self.regressions)

    @property
    def passes(self) -> bool:
        """All own tests ran and pass, and no test that passed on base fails."""
        whole = bool(self.generated.passing) and not self.generated.failing and not self.generated.problem
        return whole and self.suite is not None and not self.suite.problem and not self.regressions


@dataclass(frozen=True, kw_only=True)
class State:
    """Current code (a whole Patch against base) and current tests, with their last results (C1)."""

    patch: Patch = field(default_factory=Patch)
    tests: tuple[TestFile, ...] = ()
    outline: Outline | None = None
    results: Results | None = field(default=None, compare=False)

    @cached_property
    def digest(self) -> str:
        """Identity of code, tests and outline; results do not count."""
        return hashlib.sha256(f"{self.patch.digest}\0{self.tests!r}\0{self.outline!r}".encode()).hexdigest()

    @property
    def reproduction(self) -> tuple[TestFile, ...]:
        """The tests that gate: what the state is measured by, and what is published."""
        return tuple(test for test in self.tests if test.role is TestRole.REPRODUCTION)

    @property
    def witnesses(self) -> tuple[TestFile, ...]:
        """The tests that only vote."""
        return tuple(test for test in self.tests if test.role is TestRole.WITNESS)

    @property
    def overlay(self) -> dict[str, bytes | None]:
        """Patch and reproduction as files."""
        return self.patch.overlay | {test.path: test.content.encode() for test in self.reproduction}

    def with_results(self, results: Results) -> State:
        return replace(self, results=results)


class Effect(StrEnum):
    """What became of a plan."""

    EXECUTED = "executed"
    NOT_USED = "not used"  # the decision model said continue
    NOT_APPLIED = "not applied"  # an edit did not fit: an observation, never a crash
    DUPLICATE = "duplicate"  # the state was reached before and is not measured twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """(s0, action, plan, s1): what the method learns from (F1, F2). ``after`` is None unless executed."""

    before: State
    plan: Plan
    decision: Decision
    effect: Effect
    after: State | None = None
    remark: str = ""


# --- Budget -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a run has used so far. Money in US dollars, time in seconds."""

    iterations: int = 0
    steps: int = 0
    sandbox_runs: int = 0
    sandbox_seconds: float = 0.0
    seconds: float = 0.0
    model_calls: int = 0
    tokens: int = 0  # of prompts and answers together
    cached_tokens: int = 0  # of these, prompt tokens that the endpoint had in its cache
    money: float = 0.0
    model_seconds: float = 0.0  # spent waiting for the endpoint
    remarks: tuple[str, ...] = ()  # what somebody who reads these numbers should know


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard caps of a run. The built-in policy costs test time only, so its iteration cap is far above the
    paper's five (G5), which is the default for model-driven runs."""

    actions_per_state: int = 5  # the paper's K (G1)
    max_iterations: int = 400
    max_steps: int = 4000
    max_depth: int = 8
    max_stale_iterations: int = 0  # without a better state than the best so far; 0: no such cap
    max_seconds: float = 1200.0
    max_tokens: int = 0
    max_money: float = 0.0

    def exceeded(self, spend: Spend) -> StopReason | None:
        if spend.iterations >= self.max_iterations:
            return StopReason.ITERATIONS
        if spend.steps >= self.max_steps:
            return StopReason.STEPS
        if spend.seconds >= self.max_seconds:
            return StopReason.TIME
        if self.max_tokens and spend.tokens >= self.max_tokens:
            return StopReason.TOKENS
        if self.max_money and spend.money >= self.max_money:
            return StopReason.MONEY
        return None


# --- Baseline, gates, outcome -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The repository's suite on the base commit, run twice."""

    passing: frozenset[str]  # passed both times
    failing: frozenset[str]  # failed both times
    flaky: frozenset[str]  # differed
    skipped: frozenset[str]
    coverage: Coverage = field(default_factory=Coverage)
    seconds: float = 0.0
    problem: str = ""
    suite: str = "pytest"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    name: str
    passed: bool
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A small change of a patched line, and whether the new tests notice it."""

    path: str
    line: int  # in the patched file
    summary: str
    killed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The machine-made evidence that goes into the pull request."""

    red: SuiteReport  # new tests on base
    green: SuiteReport  # new tests with the patch, in a fresh sandbox
    after: SuiteReport  # the whole suite with the patch, in a fresh sandbox
    baseline: Baseline
    gates: tuple[GateResult, ...] = ()
    mutants: tuple[Mutant, ...] = ()  # of the patched lines; measured only when every gate is passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    patch: Patch  # code only
    tests: tuple[TestFile, ...]
    proof: Proof
    rationale: tuple[str, ...]  # paragraphs, from the feedback steps of the chosen path
    spend: Spend
    stop: StopReason = StopReason.SOLVED
    reruns: tuple[Rerun, ...] = ()  # of failing tests that were named


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One thing that was tried, for the answer when nothing was found."""

    summary: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a run saw of the problem that was to explain it (agent.explain)."""

    suspects: tuple[Location, ...]  # most suspicious first, one for each function
    words: tuple[str, ...] = ()  # the networks' own, of failing tests and of where and how to solve it
    tests: tuple[TestFile, ...] = ()  # that show it, or that came closest
    report: SuiteReport | None = None  # their run on base
    remark: str = ""  # why they do or do not reproduce it


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsolved:
    stop: StopReason
    summary: str
    reproduction: tuple[TestFile, ...]  # tests that do reproduce the issue, if any
    red: SuiteReport | None
    attempts: tuple[Attempt, ...]
    advice: tuple[str, ...]  # what would help
    baseline: Baseline | None
    spend: Spend
    best: Patch | None = None  # the best branch so far (D4): unproven, shown and scored, never published
    explanation: Explanation | None = None  # of a run that only explains
    refused: Proof | None = None  # of a proposed change: what a gate refused, and why
    reruns: tuple[Rerun, ...] = ()  # of failing tests that were named


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the issue leaves open: one input, and what each surviving candidate makes of it."""

    text: str  # the one question, in a sentence or two
    input: str  # the concrete input, as code
    outputs: tuple[str, ...]  # what the candidates give, different ones only


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The run waits for a person's answer; run again with the answer it goes on where it was."""

    question: Question
    reproduction: tuple[TestFile, ...]
    red: SuiteReport | None
    baseline: Baseline | None
    spend: Spend
    stop: StopReason = StopReason.QUESTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrunnable:
    """Nothing could be run: no environment, no tests, no default branch, too large."""

    reason: str
    advice: tuple[str, ...]
    output: str = ""  # bounded tail of what was printed
    spend: Spend = field(default_factory=Spend)
    stop: StopReason = StopReason.UNRUNNABLE


Outcome = Solved | Unsolved | Asking | Unrunnable
