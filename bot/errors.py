"""What can go wrong between the bot and the world, drawn once; the rims map it to codes and answers.

BotError
├── ConfigError            settings or .github/codeagent.yml cannot be used; the message names key and remedy
├── CheckoutError          git could not clone or export; command and redacted output inside
└── ForgeError             GitHub answered no, or not at all
    ├── ForgeRefused       401/403/404/409/422: repeating will not help; the message says what to change
    └── ForgeUnavailable   5xx, rate limit, timeout: worth repeating; ``retry_after`` in seconds when known
"""

from __future__ import annotations


class BotError(Exception):
    """Base of the bot's errors: the message says what happened, to what, and what to do."""


class ConfigError(BotError):
    """Settings or a repository's configuration cannot be used."""


class CheckoutError(BotError):
    """git could not do what was asked."""


class ForgeError(BotError):
    """GitHub answered no, or not at all."""


class ForgeRefused(ForgeError):
    """GitHub will go on saying no until something is changed. ``needed`` is what GitHub says that a token
    would need ("issues=write; pull_requests=write"), where it does."""

    def __init__(self, message: str, status: int = 0, *, needed: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.needed = needed


class ForgeUnavailable(ForgeError):
    """GitHub could not answer now."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
