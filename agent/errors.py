"""What is a bug or a broken promise in the agent; what can be expected is a value in agent.types.

AgentError
├── EditDoesNotApply   an operation does not fit the state's files; the search records it as an observation
├── JournalDiverged    a resumed or replayed run decided otherwise than its journal says
├── JournalCorrupt     a journal that cannot be read: wrong version, damage before its end
├── JournalBusy        another process has the journal open
├── BudgetSpent        the next model call might go over a cap; the search stops with that reason
├── ModelUnusable      the endpoint will not answer whatever is asked; the search stops with that reason
├── AwaitingAnswer     a question was asked and nobody has answered yet; the run goes on with the answer
└── Cancelled          the run was asked to stop
"""

from __future__ import annotations

from agent.types import Question, StopReason


class AgentError(Exception):
    """Base of the agent's errors."""


class EditDoesNotApply(AgentError):
    """An operation does not fit the files of the state it is applied to."""


class JournalDiverged(AgentError):
    """The run decided otherwise than its journal says: the journal belongs to other code or input."""


class JournalCorrupt(AgentError):
    """The journal cannot be read."""


class JournalBusy(AgentError):
    """Another process has the journal open."""


class BudgetSpent(AgentError):
    """The worst case of the next model call would go over a cap. ``stop`` says over which."""

    def __init__(self, stop: StopReason, message: str) -> None:
        super().__init__(message)
        self.stop = stop


class ModelUnusable(AgentError):
    """No key, no such model, or unsound answers time after time."""


class AwaitingAnswer(AgentError):
    """The run cannot go on without a person's answer."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.text)
        self.question = question


class Cancelled(AgentError):
    """Somebody asked the run to stop."""
