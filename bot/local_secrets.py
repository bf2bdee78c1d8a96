"""What must not stand in anything that a command on this machine writes: the secrets of its settings, as far
as there are any, and whatever looks like one."""

from __future__ import annotations

from bot.settings import Settings
from sandbox.redact import Redactor


def local_redactor(settings: Settings) -> Redactor:
    """Needs no complete settings, unlike the service."""
    held = (settings.private_key, settings.webhook_secret, settings.model.api_key)
    values = [secret.get_secret_value() for secret in held if secret is not None]
    lines = [line for value in values for line in value.splitlines() if not line.startswith("-----")]
    return Redactor([*values, *lines])  # each line of a key is enough of it
