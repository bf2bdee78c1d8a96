"""Files that decide what runs with rights, who owns what or what is installed are never touched."""

from __future__ import annotations

import re

from agent.gates.evidence import Evidence, listed, passed, refused
from agent.types import GateResult

NAME = "protected-paths"

_FOLDERS = (
    r"\.git|\.github|\.gitlab|\.gitea|\.forgejo|\.circleci|\.buildkite|\.woodpecker"
    r"|\.husky|\.githooks|\.codeagent"
)
_FILES = "|".join(
    [
        r"action\.ya?ml",
        r"codeowners|owners|maintainers",
        r"\.?codeagent(?:\.\w+)?",
        r"\.git(?:modules|attributes|ignore|config)|\.mailmap|\.lfsconfig",
        r"\.gitlab-ci\.ya?ml|\.travis\.ya?ml|\.?appveyor\.ya?ml|azure-pipelines[\w.-]*\.ya?ml|jenkinsfile[\w.-]*",
        r"bitbucket-pipelines\.ya?ml|\.drone\.ya?ml|\.woodpecker\.ya?ml|\.cirrus\.(?:ya?ml|star)|\.?semaphore\.ya?ml",
        r"\.pre-commit-config\.ya?ml|\.pre-commit-hooks\.ya?ml|\.readthedocs\.ya?ml|renovate\.json5?|dependabot\.ya?ml",
        r"(?:poetry|uv|pdm|conda|pixi|cargo|composer|flake|gemfile|mix|package|deno|pubspec|bun)[\w-]*\.lockb?",
        r"pylock(?:\.[\w-]+)?\.toml|pipfile\.lock|yarn\.lock|pnpm-lock\.yaml|package-lock\.json|npm-shrinkwrap\.json",
        r"go\.sum|conda-lock\.ya?ml|.+\.pth",
    ]
)
_PROTECTED = re.compile(rf"(?i)(?:^|.*/)(?:(?:{_FOLDERS})(?:/.*)?|(?:{_FILES}))")


def check(evidence: Evidence) -> GateResult:
    touched = [change.path for change in evidence.changes if is_protected(change.path)]
    if touched:
        return refused(NAME, f"must not be changed by a bot: {listed(touched)}")
    return passed(NAME, "no workflow, ownership, hook, lock or bot-configuration file is touched")


def is_protected(path: str) -> bool:
    """By name anywhere in the tree, in any case: file systems that ignore case would see them too."""
    return _PROTECTED.fullmatch(path) is not None
