"""From an ask to the call that is made of it, and to the ask that shows a model its mistake. Pure."""

from __future__ import annotations

from dataclasses import replace

from agent.llm.exchange import Call
from agent.llm.schema import form_of
from agent.llm.types import Ask, Component, Failed
from agent.method import Method
from agent.protocols import Reply

WRITERS = frozenset({Component.PLANNER, Component.TEST_DESIGNER})
"""Their answers hold whole functions or test files (G4: 1024 tokens are for plans and actions)."""

ANSWER_SHOWN = 2000  # characters of an unsound answer that are shown to the model again
MISTAKES_SHOWN = 1000


def call_of(ask: Ask[Reply], method: Method) -> Call:
    prompt = ask.prompt
    user = f"{prompt.stable}\n\n{prompt.turn}" if prompt.stable else prompt.turn
    return Call(
        model=method.model_of(ask.component),
        system=_sendable(prompt.system),
        user=_sendable(user),
        form=form_of(ask.reply),
        temperature=method.temperature_of(ask.component),
        max_tokens=method.edit_tokens if ask.component in WRITERS else method.max_tokens,
        top_k=method.top_k,
        log_probabilities=method.log_probabilities,
        key="",
    )


def shown_again(ask: Ask[Reply], failed: Failed, text: str) -> Ask[Reply]:
    """The same ask, with what the last answer was and why it is none. The stable part stays."""
    turn = (
        f"{ask.prompt.turn}\n\n"
        f"Your last answer could not be used: {failed.kind.value} ({failed.detail[:MISTAKES_SHOWN]}). "
        f"It began:\n{text[:ANSWER_SHOWN]}\n\n"
        "Answer again, with one JSON object of the asked form and nothing else."
    )
    return replace(ask, prompt=replace(ask.prompt, turn=turn), attempt=ask.attempt + 1)


def _sendable(text: str) -> str:
    """Lone surrogates cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")
