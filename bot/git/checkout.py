"""Gets a commit out of a repository, and makes one of a patch, without a working tree (threats 10 to 13).

A :class:`Checkout` is a private bare repository that only this program writes: no hook, filter, attribute or
configuration of the repository that it came from is ever read by git. Nothing is pushed from here: the App
makes its commits through the forge (``bot.github.git_data``), `codeagent fix` writes a patch.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bot.errors import CheckoutError
from bot.forge import GitAccess
from bot.git.local import LocalRepository, find_local
from bot.git.sealed import GitCall, GitFailed, SealedGit
from bot.git.tree_export import (
    EXECUTABLE,
    FILE,
    Entry,
    Export,
    ExportCaps,
    export_tree,
    list_entries,
    path_fault,
)

COMMIT_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_BRANCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)
_SCP: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!//)[^\s]+", re.ASCII)
_TRANSIENT: Final = re.compile(
    r"error: (429|5\d\d)|timed out|Connection (reset|refused)|Could not resolve|early EOF|Empty reply|hung up"
)
_NETWORK_PAUSES: Final = (2.0, 5.0)
_FETCH_BYTES: Final = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """One commit's objects in a private bare repository. ``remarks`` say what was left out."""

    git_dir: Path
    commit: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A commit to make on top of a checkout's. ``files``: path → whole new content, None deletes.

    ``date`` is in seconds since 1970 and belongs to the run, not to the clock: it is part of the commit id.
    """

    files: Mapping[str, bytes | None]
    message: str
    author: Person
    committer: Person
    date: int


@dataclass(frozen=True, kw_only=True)
class Checkouts:
    git: SealedGit = field(default_factory=SealedGit)
    caps: ExportCaps = field(default_factory=ExportCaps)
    sleep: Callable[[float], None] = time.sleep

    # --- in ------------------------------------------------------------------------------------------

    def clone(self, access: GitAccess, sha: str, directory: Path) -> Checkout:
        """Fetch exactly one commit, without history, into ``directory`` (made; must be empty)."""
        if not COMMIT_ID.fullmatch(sha):
            raise CheckoutError(f"{sha!r} is no commit id: give the 40 or 64 hexadecimal digits.")
        _check_url(access.url)
        self._init(directory, sha_length=len(sha))
        self._fetch(access, sha, directory)
        return Checkout(git_dir=directory, commit=sha)

    def open_local(self, repository: str, base: str | None, directory: Path) -> Checkout:
        """For `codeagent fix`: a path (only read: no git runs in it) or a URL. ``base`` defaults to HEAD."""
        if "://" in repository and not repository.startswith("file://"):
            _check_url(repository, also=("ssh",))
            return self._open_url(repository, base or "HEAD", directory)
        if _SCP.fullmatch(repository) and not Path(repository).exists():
            return self._open_url(repository, base or "HEAD", directory)
        local = find_local(Path(repository.removeprefix("file://")))
        self._init(directory, sha_length=local.sha_length)
        local.lend(directory)
        commit = self._resolve(local, base or "HEAD", directory)
        return Checkout(git_dir=directory, commit=commit, remarks=self._uncommitted(local, directory))

    def export(self, checkout: Checkout, directory: Path) -> Export:
        """The commit's files, as data, without ``.git``."""
        return export_tree(self.git, checkout.git_dir, checkout.commit, directory, self.caps)

    # --- out ------------------------------------------------------------------------------------------

    def commit(self, checkout: Checkout, change: Change) -> str:
        """Build the commit; the same inputs make the same id. Raises CheckoutError for a bad path."""
        entries = {
            entry.path: entry
            for entry in list_entries(self.git, checkout.git_dir, checkout.commit, self.caps)
        }
        modes = planned_modes(entries, change.files)
        git_dir = checkout.git_dir
        rows = []
        for path, mode in modes.items():
            content = change.files[path]
            sha = "0" * len(checkout.commit) if content is None else self._blob(git_dir, content)
            rows.append(f"{mode} {sha}\t".encode() + path.encode("utf-8", "surrogateescape") + b"\0")
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
            self._git(git_dir, "read-tree", checkout.commit, variables=index)
            self._git(git_dir, "update-index", "-z", "--index-info", stdin=b"".join(rows), variables=index)
            tree = self._git(git_dir, "write-tree", variables=index)
        if tree == self._git(git_dir, "rev-parse", f"{checkout.commit}^{{tree}}"):
            raise CheckoutError(
                f"The patch changes nothing against commit {checkout.commit}; nothing was committed."
            )
        return self._git(
            git_dir,
            *("commit-tree", tree, "-p", checkout.commit, "-F", "-"),
            stdin=(change.message.replace("\0", "").strip() + "\n").encode("utf-8", "replace"),
            variables=_identity(change),
        )

    def diff(self, checkout: Checkout, sha: str) -> bytes:
        """The patch from the checkout's commit to another one, as `git apply` takes it."""
        plain = ("--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--binary", "--full-index")
        call = GitCall(arguments=("diff-tree", "-p", *plain, checkout.commit, sha), git_dir=checkout.git_dir)
        return self.git.run(call)

    # --- parts ------------------------------------------------------------------------------------------

    def _init(self, directory: Path, *, sha_length: int) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if any(directory.iterdir()):
                raise CheckoutError(f"{directory} is not empty; give an empty directory to clone into.")
        except OSError as error:
            raise CheckoutError(
                f"{directory} cannot be made or read: {error.strerror}; choose another."
            ) from error
        shape = ("--object-format=sha256",) if sha_length == 64 else ()
        self.git.run(GitCall(arguments=("init", "--quiet", "--bare", "--template=", *shape, str(directory))))

    def _fetch(self, access: GitAccess, sha: str, directory: Path) -> None:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        call = GitCall(
            arguments=("fetch", *options, "--depth=1", access.url, f"{sha}:refs/codeagent/base"),
            git_dir=directory,
            access=access,
            transports=_transports(access.url),
            seconds=900,
            pack_bytes=_FETCH_BYTES,
        )
        try:
            self._network(call)
        except GitFailed as error:
            # Asked over the old protocol, some servers give branches only.
            if "unadvertised object" not in error.said:
                raise
            everything = ("fetch", *options, access.url, "+refs/heads/*:refs/codeagent/*")
            self._network(replace(call, arguments=everything))
            self._git(directory, "cat-file", "-e", f"{sha}^{{commit}}")

    def _open_url(self, url: str, base: str, directory: Path) -> Checkout:
        access = GitAccess(url=url, token="")
        with tempfile.TemporaryDirectory() as scratch:
            self._init(Path(scratch), sha_length=40)
            names = ("HEAD", f"refs/heads/{base}", f"refs/tags/{base}", f"refs/tags/{base}^{{}}")
            refs = self._remote_refs(Path(scratch), access, *names)
        if COMMIT_ID.fullmatch(base):
            return self._opened(access, base, directory)
        for name in (names[0] if base == "HEAD" else names[1], names[3], names[2]):
            if name in refs:
                return self._opened(access, refs[name], directory)
        raise CheckoutError(
            f"{url} has no {base}"
            + (": it is empty, or its default branch does not exist. Push a commit" if base == "HEAD" else "")
            + "; name a branch, a tag or a full commit id with --base."
        )

    def _opened(self, access: GitAccess, sha: str, directory: Path) -> Checkout:
        self._init(directory, sha_length=len(sha))
        self._fetch(access, sha, directory)
        return Checkout(git_dir=directory, commit=sha)

    def _resolve(self, local: LocalRepository, base: str, directory: Path) -> str:
        try:
            return self._git(directory, "rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}")
        except GitFailed as error:
            if base == "HEAD":
                raise CheckoutError(
                    f"{local.top} is empty, or its branch is: commit something, or name a commit with --base."
                ) from error
            raise CheckoutError(
                f"{base!r} is no commit of {local.top}{local.hint}; name a branch, a tag or a commit id."
            ) from error

    def _uncommitted(self, local: LocalRepository, directory: Path) -> tuple[str, ...]:
        """What the user has not committed: asked of a copy of the index, so that nothing is written."""
        if local.work_tree is None or not local.lend_index(directory):
            return ()
        status = (
            "status",
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=no",
            "--ignore-submodules=all",
        )
        call = GitCall(arguments=status, git_dir=directory, work_tree=local.work_tree, seconds=60)
        try:
            rows = [row for row in self.git.run(call).decode("utf-8", "replace").split("\0") if row]
        except CheckoutError:
            return (
                f"Whether {local.top} has uncommitted changes could not be found out; they are not included.",
            )
        if not rows:
            return ()
        names = ", ".join(ascii(row[3:])[1:-1] for row in rows[:5])
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        return (f"Uncommitted changes of {local.top} are not included: {names}{more}.",)

    def _remote_refs(self, git_dir: Path, access: GitAccess, *patterns: str) -> dict[str, str]:
        call = GitCall(
            arguments=("ls-remote", "--quiet", access.url, *patterns),
            git_dir=git_dir,
            access=access,
            transports=_transports(access.url),
        )
        lines = self._network(call).decode("utf-8", "replace").splitlines()
        pairs = (line.split("\t", 1) for line in lines if "\t" in line)
        return {name: sha for sha, name in pairs if COMMIT_ID.fullmatch(sha)}

    def _network(self, call: GitCall) -> bytes:
        """Every one of these calls may be repeated: fetches and questions."""
        for pause in (*_NETWORK_PAUSES, None):
            try:
                return self.git.run(call)
            except GitFailed as error:
                if pause is None or not _TRANSIENT.search(error.said):
                    raise _explained(error, call) from error
                self.sleep(pause)
        raise AssertionError("the last round returns or raises")

    def _blob(self, git_dir: Path, content: bytes) -> str:
        return self._git(git_dir, "hash-object", "-w", "--no-filters", "--stdin", stdin=content)

    def _git(
        self, git_dir: Path, *words: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> str:
        call = GitCall(arguments=words, git_dir=git_dir, stdin=stdin, variables=variables or {})
        return self.git.run(call).decode("ascii").strip()


def valid_branch(name: str) -> bool:
    """Stricter than git: nothing that any program, shell or URL could take for something else (threat 20)."""
    parts = name.split("/")
    return (
        len(name) <= 200
        and _BRANCH.fullmatch(name) is not None
        and ".." not in name
        and not any(part.endswith((".", ".lock")) for part in parts)
        and parts[0] not in ("HEAD", "refs")
    )


def planned_modes(entries: Mapping[str, Entry], files: Mapping[str, bytes | None]) -> dict[str, str]:
    """The index rows of a patch: path → mode ("0" removes), sorted. Raises CheckoutError (threat 13).

    Existing files keep their mode. A patch neither replaces nor goes through a link, a submodule or, unless
    it deletes what is in the way, a file or directory of the same name.
    """
    kept = {path for path in entries if path not in files or files[path] is not None}
    kept |= {path for path, content in files.items() if content is not None}
    directories = {parent for path in kept for parent in _parents(path)}
    modes: dict[str, str] = {}
    for path in sorted(files):
        if fault := path_fault(path):
            raise CheckoutError(f"The patch has a path that {fault}: {path[:200]!r}. Nothing was committed.")
        for place in (path, *_parents(path)):
            if place in entries and entries[place].mode not in (FILE, EXECUTABLE):
                raise CheckoutError(
                    f"The patch would change or go through {place!r}, which is a link or submodule."
                )
        if files[path] is None:
            modes |= {path: "0"} if path in entries else {}
        elif path in directories or any(parent in kept for parent in _parents(path)):
            raise CheckoutError(
                f"The patch has {path!r} where a file or directory of that name is in the way."
            )
        else:
            modes[path] = entries[path].mode if path in entries else FILE
    return modes


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _identity(change: Change) -> dict[str, str]:
    variables = {}
    for role, person in (("AUTHOR", change.author), ("COMMITTER", change.committer)):
        if not person.name.strip() or any(char in "<>\n\0" for char in person.name + person.email):
            raise CheckoutError(
                f"{person!r} cannot sign a commit: a name and an address without <, > are needed."
            )
        variables[f"GIT_{role}_NAME"] = person.name
        variables[f"GIT_{role}_EMAIL"] = person.email
        variables[f"GIT_{role}_DATE"] = f"@{change.date} +0000"
    return variables


def _check_url(url: str, also: tuple[str, ...] = ()) -> None:
    parts = urlsplit(url)
    if (
        parts.scheme not in ("https", "http", *also)
        or not parts.hostname
        or not url.isprintable()
        or " " in url
    ):
        raise CheckoutError(f"{_bare(url)!r} is no URL that is fetched from: https://HOST/OWNER/NAME is.")
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        raise CheckoutError(
            f"The URL of {_bare(url)} carries a user or password, which other programs on this machine could "
            "read: leave it out, or clone the repository yourself and give the path."
        )


def _bare(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)[:500]


def _transports(url: str) -> tuple[str, ...]:
    scheme = urlsplit(url).scheme if "://" in url else "ssh"
    return (scheme,)


def _explained(error: GitFailed, call: GitCall) -> GitFailed:
    remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, error.said)), "")
    if remedy and call.access is not None and not call.access.token and remedy is _NO_ACCESS:
        remedy = "It is private, or not there: clone it yourself and give the path."
    return GitFailed(f"{error} {remedy}".strip(), error.said)


_NO_ACCESS: Final = "Is the App installed on this repository, with access to its contents?"
_REMEDIES: Final = (
    (r"not found|40[134]|could not read Username|Authentication failed|Permission denied", _NO_ACCESS),
    (r"not our ref|couldn't find remote ref", "The commit is no longer there: was the branch rewritten?"),
    (r"No space left", "The disk is full: free some space."),
)
