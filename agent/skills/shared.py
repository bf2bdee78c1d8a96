"""What the skills have in common: what they are shown, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.gates.paths import malformed
from agent.llm.prompts import line
from agent.llm.replies import Place
from agent.operations import current
from agent.protocols import Context, SourceTree, View
from agent.types import FeedbackNote, Location, Operation, Plan, State, Step

REASON = 600  # characters of a reasoning, a reason or an explanation that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Packs:
    """What of the repository is put before a model (agent.context.pack).

    ``stable`` never changes within a run. ``window(view, targets, level, limit)`` is numbered code of the
    state's files, at most about ``limit`` characters, at a level of "line", "function", "file" or
    "repository". ``flaws`` are names that do not exist in the installed versions, and callers that a changed
    signature breaks.
    """

    stable: Callable[[Context], str]
    window: Callable[[View, Sequence[Location], str, int], str]
    flaws: Callable[[View, Plan], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failing test as a skill is told of it. Message and details are empty in runs without
    self-feedback."""

    test: str
    message: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What every skill that repairs is told of the state. ``code`` are numbered lines; ``observations`` say
    what was tried before and why it did not do."""

    code: str
    failures: tuple[Failure, ...] = ()
    notes: tuple[FeedbackNote, ...] = ()
    tests: tuple[tuple[str, str], ...] = ()  # path and content of the tests that gate
    observations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The steps that an answer becomes, without the closing test run, and what that is expected to show."""

    steps: tuple[Step, ...]
    expectation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """An answer of the right form that nothing can be made of: an observation that goes back."""

    reason: str


class Files:
    """A state's files, read-only, for answers that refer to them."""

    def __init__(self, source: SourceTree, state: State) -> None:
        self._source = source
        self._state = state

    def read(self, path: str) -> bytes | None:
        """None also for what is no plain relative path."""
        return None if malformed(path) else current(self._state, path, self._source)


def prose(text: str | None, otherwise: str = "") -> str:
    """A model's sentence, in one bounded line; ``otherwise`` when there is none."""
    return line(text or "", REASON) or otherwise


def step(reasoning: str | None, operation: Operation, *, otherwise: str) -> Step:
    """A plan step, neither part of which is ever empty (C5)."""
    return Step(reasoning=prose(reasoning, otherwise), operation=operation)


def encodable(text: str) -> bool:
    """Whether a text can be written into a file: lone surrogates, which JSON can spell, cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def places(found: Sequence[Place], files: Files, most: int, *, new: bool = False) -> tuple[Location, ...]:
    """A model's places as locations, most suspicious first; those in no file are left out, unless new files
    are wanted."""
    return tuple(_places(found, files, new))[:most]


def _places(found: Sequence[Place], files: Files, new: bool) -> Iterator[Location]:
    seen: set[tuple[str, str, int]] = set()
    for rank, one in enumerate(found):
        content = files.read(one.path)
        if malformed(one.path) or (content is None and not new):
            continue
        symbol = line(one.symbol or "", 200)
        number = line_of(content, symbol, one.line)
        if (one.path, symbol, number) not in seen:
            seen.add((one.path, symbol, number))
            yield Location(
                path=one.path,
                line=number,
                symbol=symbol,
                suspicion=round(1.0 / (1 + rank), 3),
                reason=prose(one.reason, "named by the model"),
            )


def line_of(content: bytes | None, symbol: str, stated: int | None) -> int:
    """The stated line if the file has it, else that of the symbol's definition, else the first."""
    lines = (content or b"").splitlines()
    if stated is not None and 1 <= stated <= len(lines):
        return stated
    name = symbol.rpartition(".")[2].encode("utf-8", "replace")
    heads = tuple(b"%s %s" % (word, name) for word in (b"def", b"class"))
    for number, text in enumerate(lines, start=1):
        body = text.strip().removeprefix(b"async ")
        if name and any(
            body.startswith(head) and not body[len(head) : len(head) + 1].isalnum() for head in heads
        ):
            return number
    return 1
