"""Who is turned away whatever is asked for: pure rules, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from bot.deliveries.payloads import Repository, User
from bot.triggers.place import same
from bot.triggers.policy import TriggerPolicy


def own(sender: User, policy: TriggerPolicy) -> str:
    return "it was this App itself" if same(sender.login, policy.app_login) else ""


def closed_repository(repository: Repository, policy: TriggerPolicy) -> str:
    if repository.archived:
        return "the repository is archived"
    if repository.disabled:
        return "the repository is disabled"
    name = repository.full_name.casefold()
    if policy.repositories and not any(fnmatchcase(name, p.casefold()) for p in policy.repositories):
        return "the repository is not on the list of allowed repositories"
    return ""


def unlisted_bot(users: Iterable[User], policy: TriggerPolicy) -> str:
    """Exactly listed, or a person: bots are denied by default (threat 6)."""
    for user in users:
        if same(user.login, policy.app_login):
            return "this App itself was at the start of it"
        if (user.type != "User" or user.login.casefold().endswith("[bot]")) and user.login not in policy.bots:
            return "it was a bot that is not listed"
    return ""
