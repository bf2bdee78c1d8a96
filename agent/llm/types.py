"""What is asked of a language model and what comes back: values only.

An :class:`Ask` names the component that asks, a prompt whose first part never changes within a run (so that
prompt caches hit) and the pydantic class of the answer. What comes back is an :class:`Answer`, or a
:class:`Failed` with a reason from a closed list. Nothing that an endpoint does is an exception to the parts,
but for the two that end a search (agent.errors.BudgetSpent and ModelUnusable).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic

from agent.protocols import Reply


class Component(StrEnum):
    """Who asks: each may have a model name, a temperature and a token limit of its own (G6)."""

    POLICY = "policy"
    PLANNER = "planner"
    DECISION = "decision"
    FEEDBACK = "feedback"
    TEST_DESIGNER = "test designer"
    CLARIFIER = "clarifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """``system`` is the component's prompt file, the same in every run; ``stable`` what stays the same
    during a run (the task, the repository, versions); ``turn`` what is new. They are sent in this order."""

    system: str
    stable: str
    turn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[Reply]):
    """One question. ``attempt`` tells two askings of the same question apart; otherwise the same question is
    answered from the journal."""

    component: Component
    prompt: Prompt
    reply: type[Reply]
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    text: str
    logprob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """As the endpoint counted it. ``money`` is in US dollars, by the price table."""

    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt tokens
    completion_tokens: int = 0
    money: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Reply]):
    """A sound answer. ``text`` is the raw content; ``tokens`` its tokens with log-probabilities, empty where
    the endpoint gives none."""

    value: Reply
    text: str
    model: str
    usage: Usage
    tokens: tuple[Token, ...] = ()


class Misbehaviour(StrEnum):
    """Every way in which an endpoint fails to answer."""

    INVALID_JSON = "the answer is not JSON"
    SCHEMA = "the answer does not have the asked form"
    REFUSED = "the model refused"
    TRUNCATED = "the answer was cut off at its token limit"
    EMPTY = "there was no answer in the response"
    FILTERED = "a content filter withheld the answer"
    TOOL_CALL = "the model called a tool instead of answering"
    UNAUTHORIZED = "the key was not accepted"
    NO_SUCH_MODEL = "the endpoint has no such model"
    BAD_REQUEST = "the endpoint does not accept the request"
    RATE_LIMITED = "too many requests"
    SERVER = "the endpoint failed"
    CONNECTION = "the connection broke"
    TIMEOUT = "no answer in time"
    CONTEXT = "the prompt is longer than the model's context"
    TOO_LARGE = "the response is too large to be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No answer, after the retries that its kind allows. ``detail`` is bounded and redacted."""

    kind: Misbehaviour
    detail: str = ""
    usage: Usage = Usage()
