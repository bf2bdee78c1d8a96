"""Real repositories, made by the git program itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PLAIN = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "@1700000000 +0000",
    "GIT_COMMITTER_DATE": "@1700000000 +0000",
}


@dataclass(frozen=True, slots=True)
class Work:
    """A repository as a user has it, with a working tree."""

    path: Path

    def git(self, *words: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ("git", *words),
            cwd=self.path,
            input=stdin,
            capture_output=True,
            env={"PATH": os.environ["PATH"], **PLAIN},
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str | bytes]) -> str:
        for name, content in files.items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "a commit")
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, rows: bytes) -> str:
        """A commit of a tree as hostile as its rows (as `git mktree -z` takes them)."""
        tree = self.git("mktree", "-z", stdin=rows)
        sha = self.git("commit-tree", "-m", "made by hand", tree)
        self.git("update-ref", "refs/heads/main", sha)
        return sha

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)
