"""What a repository and its organisation say of the bot, under the operator's terms."""

from __future__ import annotations

import base64

from agent.protocols import JsonObject
from agent.types import Unrunnable
from bot.config import organisation
from bot.config.asked import unwanted
from bot.config.keys import Refused
from bot.config.reading import Mistaken, located, read_repo_config
from bot.config.terms import settle
from bot.errors import ConfigError
from bot.forge import RepositoryRef
from bot.queue import Ending, JobResult
from bot.render import answers
from bot.repo_config import RepoConfig
from bot.run import Run
from bot.sanitize import code


def declared(run: Run) -> RepoConfig | JobResult:
    """What counts for this repository, or how the job ends for it. ``run`` is based on the default branch.
    Nothing is counted: ``bot.work.budget.within_budget`` does that."""
    try:
        config = _settled(run)
    except ConfigError as error:
        run.comment(answers.bad_config(run.facts, str(error)))
        return run.ended(Ending.UNRUNNABLE, "the repository's configuration cannot be used")
    label = run.ports.terms.labels[0]
    key = unwanted(config, run.request, label=label, default_branch=run.facts.base_branch)
    if key == "label":
        return run.ended(Ending.REFUSED, "the repository has chosen another label")
    if not config.enabled:
        run.comment(answers.disabled(run.facts))
        return run.ended(Ending.REFUSED, "the repository has switched the bot off")
    if key:
        if run.request.comment:  # somebody waits for an answer
            run.comment(answers.switched_off(run.facts, key))
        return run.ended(Ending.REFUSED, f"switched off by {key}")
    return config


def silent(run: Run) -> bool:
    """Whether the repository wants nobody answered who may not ask. ``run`` may be based on nothing yet."""
    base = run.effect("github.default_branch", {}, run.default_branch)
    if not base:
        return True
    try:
        config = _settled(run.based_on(str(base["name"]), str(base["sha"])))
    except ConfigError:
        return True
    return config.refused is Refused.SILENT or not config.enabled


def on_base(run: Run, config: RepoConfig) -> Run | JobResult:
    """The run on the branch that the repository names as the one to be fixed, or how the job ends when there
    is none such. Without a name it is the default branch, as before."""
    name = config.base
    if name is None or name == run.facts.base_branch:
        return run

    def look() -> JsonObject:
        branch = run.forge.branch(name)
        return {} if branch is None else {"sha": branch.sha}

    found = run.effect("github.branch", {"name": name}, look)
    if found:
        return run.based_on(name, str(found["sha"]))
    reason = f"The branch {code(name)}, which the configuration names as `base`, does not exist."
    outcome = Unrunnable(reason=reason, advice=("Create the branch, or correct or remove the key `base`.",))
    run.comment(answers.unrunnable(run.facts, outcome))
    return run.ended(Ending.UNRUNNABLE, "there is no branch of the name given as base")


def _settled(run: Run) -> RepoConfig:
    """Raises ConfigError that says in which file, on which line, and what to do."""
    own = run.repo_config()
    shared = _organisation_file(run)
    name = organisation.name_of(run.request.repository)
    try:
        return settle(run.ports.terms, read_repo_config(shared, name), read_repo_config(own))
    except Mistaken as error:
        raise located(error, own, shared, name) from None


def _organisation_file(run: Run) -> bytes | None:
    ref = RepositoryRef(
        installation=run.request.installation,
        repository_id=run.request.repository_id,
        full_name=run.request.repository,
    )

    def read() -> JsonObject:
        content = run.ports.organisation(ref)
        return {"content": None if content is None else base64.b64encode(content).decode()}

    content = run.effect("github.organisation_file", {}, read)["content"]
    return None if content is None else base64.b64decode(str(content))
