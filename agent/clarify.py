"""Clarification: when patches that pass behave differently on an input, does the issue say what is right?

A clarifier judges, it does not run anything: what patches do was measured before. Where the issue leaves open
what is right, one question is asked with the concrete input and the different outputs, and a person's answer
chooses (agent.choice.selector asks it and keeps the answer in the journal).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from agent.errors import BudgetSpent, ModelUnusable
from agent.llm import prompts
from agent.llm.types import Answer, Ask, Component, Prompt
from agent.protocols import Context, Model, Survivor
from agent.types import Question

ANSWER = 4_000  # characters of a person's answer that are used
INPUTS = 4
_TEXT = 600  # characters of a question
_ISSUE = 12_000
_SHOWN = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An input on which candidates differ. ``outputs`` are the different ones, the best candidate's first;
    ``tied``: agreement on tests does not tell their candidates apart."""

    input: str
    outputs: tuple[str, ...]
    tied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Determined:
    """The issue says what comes out; perhaps none of the outputs."""

    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The issue leaves it open; ``question`` is for a person."""

    question: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """Nothing can be said: the order of the candidates stays as it is, and nobody is asked."""

    why: str


Judgement = Determined | Open | Unjudged


class Heard(Enum):
    """What a person said, when it chooses no output."""

    OTHER = "an answer, but none of the outputs"
    NOTHING = "no answer to the question"


class Clarifier(Protocol):
    """Judges and never fails: what cannot be asked is not judged."""

    def inputs(self, context: Context, survivors: Sequence[Survivor]) -> Sequence[str]:
        """More inputs to try, as lines of code that end in an expression; may be none."""
        ...

    def judge(self, context: Context, difference: Difference) -> Judgement: ...

    def chosen(self, context: Context, question: Question, answer: str) -> int | Heard:
        """Which output the answer means. People also talk of other things below an issue."""
        ...


def answered(context: Context, question: Question, answer: str) -> Context:
    """The context with what was asked and answered in the task's text, for all that is asked of a model from
    then on."""
    told = (
        f"{context.task.text}\n\n---\nA maintainer was asked: {question.text}\n\n{question.input}\n\n"
        f"and answered: {answer[:ANSWER]}\n"
    )
    return replace(context, task=replace(context.task, text=told))


class LiteralClarifier:
    """Without a model. An input that the issue does not mention, and on which equally supported candidates
    differ, is open; an answer that quotes exactly one of the outputs chooses it."""

    def inputs(self, context: Context, survivors: Sequence[Survivor]) -> Sequence[str]:  # noqa: ARG002
        return ()

    def judge(self, context: Context, difference: Difference) -> Judgement:
        asked = _squeezed(difference.input.splitlines()[-1] if difference.input else "")
        if not difference.tied:
            return Unjudged(why="the generated tests support one of them more")
        if not asked or asked in _squeezed(f"{context.task.title}\n{context.task.text}"):
            return Unjudged(why="the issue mentions this input")
        return Open(
            question="Patches that pass all tests differ on an input that the issue does not mention. "
            "What should come out?",
            why="the issue does not mention this input",
        )

    def chosen(self, context: Context, question: Question, answer: str) -> int | Heard:  # noqa: ARG002
        return _quoted(question, answer)


def _quoted(question: Question, answer: str) -> int | Heard:
    number = quoted(question.outputs, answer)
    return Heard.NOTHING if number is None else number


def quoted(outputs: Sequence[str], answer: str) -> int | None:
    """The only output that an answer is, or else contains as a word of its own."""
    said = answer[:ANSWER].strip()
    same = [number for number, output in enumerate(outputs) if _value(output) == _value(said.strip("`. "))]
    if len(same) == 1:
        return same[0]
    held = [number for number, output in enumerate(outputs) if output.strip() and _holds(said, output)]
    # "10" holds "1" as text only; and of "raises ValueError: no" and "no" the longer one is meant.
    held = [n for n in held if not any(n != m and outputs[n] in outputs[m] for m in held)]
    return held[0] if len(held) == 1 else None


def _holds(text: str, output: str) -> bool:
    if output.strip().isalpha():  # "None of them" does not mean None
        return f"`{output.strip()}`" in text
    return re.search(rf"(?<![\w.+-]){re.escape(output.strip())}(?![\w]|\.\d)", text) is not None


def _value(text: str) -> str:
    """Two spellings of one value are one text."""
    try:
        return repr(ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text.strip()


def _squeezed(text: str) -> str:
    return "".join(text.split()).replace('"', "'")


# --- With a model -------------------------------------------------------------------------------------------


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_Reply = TypeVar("_Reply", bound=_Form)


class Ruling(_Form):
    """Whether the issue determines an output."""

    why: str
    determined: bool
    value: str | None = None
    question: str | None = None


class Meant(_Form):
    """Which output an answer means, from 1; 0: another one; -1: it is no answer."""

    why: str = ""
    output: int


class Inputs(_Form):
    inputs: list[str]


class ModelClarifier:
    """Asks the component CLARIFIER. What fails to answer, or may cost no more, judges nothing: nobody is
    bothered because an endpoint is down, and patches that pass are still proven."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def inputs(self, context: Context, survivors: Sequence[Survivor]) -> Sequence[str]:
        paths = sorted({path for survivor in survivors for path in survivor.state.patch.paths})
        changes = prompts.section("Changed files", *(prompts.line(path, 200) for path in paths[:20]))
        summaries = prompts.section(
            "Patches",
            *(
                prompts.untrusted("patch", prompts.line(survivor.action.summary, 300), 300)
                for survivor in survivors[:8]
            ),
        )
        answer = self._ask(context, "clarifier_inputs", Inputs, changes, summaries)
        return () if answer is None else tuple(code for code in answer.inputs[:INPUTS] if code.strip())

    def judge(self, context: Context, difference: Difference) -> Judgement:
        answer = self._ask(context, "clarifier", Ruling, *_shown(difference.input, difference.outputs))
        if answer is None:
            return Unjudged(why="the model gave no judgement")
        why = prompts.line(answer.why, _TEXT)
        if not answer.determined:
            asked = prompts.line(answer.question or "", _TEXT) or "What should come out for this input?"
            return Open(question=asked, why=why)
        if not (answer.value or "").strip():
            return Unjudged(why="the model says that the output is determined, but not what it is")
        return Determined(value=(answer.value or "")[:_SHOWN], why=why)

    def chosen(self, context: Context, question: Question, answer: str) -> int | Heard:
        said = prompts.section("The maintainer's answer", prompts.untrusted("answer", answer, ANSWER))
        shown = _shown(question.input, question.outputs)
        asked = prompts.section("The question", prompts.untrusted("question", question.text, _TEXT))
        meant = self._ask(context, "clarifier_answer", Meant, *shown, asked, said)
        if meant is None:
            return _quoted(question, answer)
        if meant.output == 0:
            return Heard.OTHER
        return meant.output - 1 if 1 <= meant.output <= len(question.outputs) else Heard.NOTHING

    def _ask(self, context: Context, role: str, form: type[_Reply], *sections: str) -> _Reply | None:
        issue = f"{context.task.title}\n\n{context.task.text}"
        prompt = Prompt(
            system=prompts.system(role),
            stable=prompts.joined(prompts.section("The issue", prompts.untrusted("issue", issue, _ISSUE))),
            turn=prompts.joined(*sections),
        )
        try:
            answer = self._model.ask(Ask(component=Component.CLARIFIER, prompt=prompt, reply=form))
        except (BudgetSpent, ModelUnusable):  # the search meets it again when it asks for more itself
            return None
        return answer.value if isinstance(answer, Answer) else None


def same_output(value: str, output: str) -> bool:
    """Whether a stated value is this output."""
    return _value(value.strip("`")) == _value(output)


def _shown(given: str, outputs: Sequence[str]) -> tuple[str, str]:
    listed = (
        f"{number}.\n{prompts.untrusted('output', output, _SHOWN)}"
        for number, output in enumerate(outputs, start=1)
    )
    return (
        prompts.section("The input", prompts.untrusted("input", given, _SHOWN)),
        prompts.section("What the patches give", *listed),
    )
