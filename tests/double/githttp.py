"""Smart-HTTP git: ``git http-backend`` as CGI, with the rights of the token that asks.

The repository is found by name among the world's records, never by a path in the URL, and only the three
addresses of the smart protocol exist. ``pre-receive`` refuses workflow files and protected branches.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.double.auth import caller_of
from tests.double.git import environment
from tests.double.state import App, Repository, Token, World
from tests.double.web import Anonymous, RefusedError, Request

CHUNK = 65_536
GIT_PATH = re.compile(
    r"/(?P<name>[^/]+/[^/]+?)(?:\.git)?/(?P<service>info/refs|git-upload-pack|git-receive-pack)"
)

# Runs inside git receive-pack. $ALLOW_WORKFLOWS and $PROTECTED come from the token and the repository.
PRE_RECEIVE = r"""#!/bin/sh
# The words are GitHub's; the bot looks for them to tell a refusal from a broken push.
status=0
zero=0000000000000000000000000000000000000000
while read -r old new ref; do
  for branch in $PROTECTED; do
    if [ "$ref" = "refs/heads/$branch" ]; then
      echo "error: GH006: Protected branch update failed for $ref." >&2
      echo "error: Changes must be made through a pull request." >&2
      status=1
    fi
  done
  if [ "$ALLOW_WORKFLOWS" != 1 ] && [ "$new" != "$zero" ]; then
    file=$(git log --format= --name-only --no-renames -m "$new" --not --all |
      grep '^\.github/workflows/' | head -n 1)
    if [ -n "$file" ]; then
      echo "! [remote rejected] ${ref#refs/heads/} (refusing to allow a GitHub App to create or update" \
        "workflow \`$file\` without \`workflows\` permission)" >&2
      status=1
    fi
  fi
done
exit $status
"""


def install_hooks(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    hook = directory / "pre-receive"
    hook.write_text(PRE_RECEIVE, encoding="utf-8")
    hook.chmod(0o755)
    return directory


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCall:
    repository: Repository
    service: str
    environment: dict[str, str]
    caller: str | None  # the token's id


def admit(world: World, request: Request, match: re.Match[str]) -> GitCall:
    """Who asks and may they: 401 asks git for credentials, 404 hides, 403 refuses a push."""
    with world.lock:
        challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
        authorization = request.headers.get("authorization", "")
        try:
            if authorization and not authorization.lower().startswith("basic "):
                raise RefusedError(401, "Bad credentials")  # for git, GitHub's documents name only this way
            caller = caller_of(world, authorization)
        except RefusedError as refused:
            raise RefusedError(refused.status, "Invalid username or token.", headers=challenge) from None
        repository = world.repositories.get(match["name"].lower())
        writes = "git-receive-pack" in (match["service"], request.query.get("service"))
        match caller:
            case Anonymous() | App():
                if repository is None or repository.private or writes:
                    raise RefusedError(401, "Repository not found.", headers=challenge)
                name, allowed_workflows = None, False
            case Token():
                repository = _visible(world, caller, repository)
                _permit(caller, repository, writes=writes)
                name, allowed_workflows = caller.id, caller.allows("workflows", "write")
        variables = _variables(request, repository, match["service"], allow_workflows=allowed_workflows)
        return GitCall(repository=repository, service=match["service"], environment=variables, caller=name)


def _visible(world: World, token: Token, repository: Repository | None) -> Repository:
    if (
        repository is None
        or repository not in world.reachable(token.installation)
        or (token.repositories is not None and repository.id not in token.repositories)
    ):
        raise RefusedError(404, "Repository not found.")
    return repository


def _permit(token: Token, repository: Repository, *, writes: bool) -> None:
    if writes and not token.allows("contents", "write"):
        bot = token.installation.app.bot.login
        raise RefusedError(403, f"Permission to {repository.full_name}.git denied to {bot}.")
    if not token.allows("contents", "read"):
        raise RefusedError(403, "Write access to repository not granted.")


def _variables(
    request: Request, repository: Repository, service: str, *, allow_workflows: bool
) -> dict[str, str]:
    given = {
        "CONTENT_TYPE": request.headers.get("content-type"),
        "CONTENT_LENGTH": request.headers.get("content-length"),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding"),
        "GIT_PROTOCOL": request.headers.get("git-protocol"),
    }
    return {
        **environment(repository.git.path),
        "GIT_PROJECT_ROOT": str(repository.git.path),
        "PATH_INFO": f"/{service}",
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string,
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": "x-access-token",
        "ALLOW_WORKFLOWS": "1" if allow_workflows else "0",
        "PROTECTED": " ".join(sorted(repository.protected)),
        **{name: value for name, value in given.items() if value is not None},
    }


def serve(
    call: GitCall, body: Iterator[bytes], start: Callable[[int, dict[str, str]], Callable[[bytes], None]]
) -> int:
    """Streams the request into http-backend and its answer out; the status. ``start`` sends the head."""
    with subprocess.Popen(
        ("git", "http-backend"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=call.environment,
        cwd=call.repository.git.path,
    ) as backend:
        assert backend.stdin is not None
        assert backend.stdout is not None
        feeder = threading.Thread(target=_feed, args=(body, backend.stdin), daemon=True)
        feeder.start()
        try:
            status, headers = _head(backend.stdout)
            write = start(status, headers)
            while block := backend.stdout.read1(CHUNK):  # type: ignore[attr-defined]
                write(block)
        except OSError:
            backend.kill()  # the client went away
            raise
        finally:
            backend.stdout.close()
            feeder.join()
    return status


def _feed(body: Iterator[bytes], pipe: IO[bytes]) -> None:
    """The whole body is read even when the backend has heard enough, or the next request would start in
    its middle."""
    listening = True
    try:
        for block in body:
            listening = listening and _write(pipe, block)
    except (OSError, ValueError):
        return  # the client went away; whoever reads the backend's answer notices too
    finally:
        with contextlib.suppress(OSError):
            pipe.close()


def _write(pipe: IO[bytes], block: bytes) -> bool:
    try:
        pipe.write(block)
    except OSError:
        return False
    return True


def _head(stream: IO[bytes]) -> tuple[int, dict[str, str]]:
    status, headers = 200, {}
    while (line := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name] = value.strip()
    return status, headers
