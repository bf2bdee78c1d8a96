"""What is a bug or a broken promise in the agent; what can be expected is a value in agent.types.

AgentError
├── EditDoesNotApply   an operation does not fit the state's files; the search records it as an observation
├── JournalDiverged    a resumed or replayed run decided otherwise than its journal says
├── JournalCorrupt     a journal that cannot be read: wrong version, damage before its end
├── JournalBusy        another process has the journal open
└── Cancelled          the run was asked to stop
"""


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


class Cancelled(AgentError):
    """Somebody asked the run to stop."""
