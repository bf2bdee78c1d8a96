"""Which of several states that pass is proven first."""

from __future__ import annotations

from collections.abc import Sequence

from agent.protocols import Context, Survivor


class ByScore:
    """In the order that the policy gave them: a :class:`agent.protocols.Selector` that asks for nothing."""

    def order(self, context: Context, survivors: Sequence[Survivor]) -> Sequence[Survivor]:  # noqa: ARG002
        return survivors
