"""What can go wrong with a sandbox itself; what goes wrong inside one is a value.

SandboxError
├── SandboxUnavailable   neither made nor makeable on this machine; the message says what to do
└── SandboxClosed        used after close, or closed while running
"""


class SandboxError(Exception):
    """The sandbox itself failed: not the command in it."""


class SandboxUnavailable(SandboxError):
    """No sandbox can be made here. The message says what is missing and how to get it."""


class SandboxClosed(SandboxError):
    """The sandbox was closed before or while the command ran."""
