"""Runs inside: make the tree a git repository with one tagged commit, then become the interpreter with the
rest of the arguments. For build backends that ask git for more than a version and fail without a
repository.

    python with_git.py VERSION -m pip install .
"""

from __future__ import annotations

import os
import subprocess
import sys

SETTINGS = (
    "user.name=build",
    "user.email=build@localhost",
    "commit.gpgsign=false",
    "core.hooksPath=/dev/null",
)


def git(*arguments: str) -> None:
    options = [word for setting in SETTINGS for word in ("-c", setting)]
    subprocess.run(["git", *options, *arguments], check=False, stdout=subprocess.DEVNULL)


def main() -> None:
    version = sys.argv[1]
    git("config", "--global", "--add", "safe.directory", "*")  # the tree's top may belong to another user
    git("init", "--quiet", "--initial-branch=main")
    with open(".git/info/exclude", "a") as stream:
        stream.write("/.codeagent/\n")
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", "base")
    git("tag", version)
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])


if __name__ == "__main__":
    main()
