"""A warm interpreter is an optimisation only: what a command does must not tell."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import signal

import pytest

from sandbox import Command, Limits, SandboxSpec

PRELOAD = (
    "unittest",
    "json",
    "xml.etree.ElementTree",
    "no.such.module",
    "random",
    "email.parser",
    "plistlib",
)

PROBE = """
import ctypes, os, resource, signal, stat, sys, threading
print(__name__, __spec__.name, __file__, __package__, __doc__)
print(sys.argv, sys.path[:2], getattr(sys, "orig_argv", 0))
print(sorted(os.environ.items()), os.getcwd(), sys.flags, sys.executable, sys.stdin.read())
print([(n, signal.getsignal(n)) for n in sorted(signal.valid_signals())], signal.pthread_sigmask(0, []))
print(os.umask(0o022), sorted(os.listdir("/proc/self/fd")), os.getsid(0) == os.getpgrp() == os.getpid())
print([resource.getrlimit(n) for n in range(16)], threading.active_count(), os.nice(0))
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), open("/proc/self/oom_score_adj").read())
for s in (sys.stdin, sys.stdout, sys.stderr):
    print(s.encoding, s.errors, s.line_buffering, s.isatty(), s.fileno())
print(sorted(k for k in vars(sys.modules["__main__"]) if k.startswith("__")))
print([stat.S_IFMT(os.fstat(n).st_mode) for n in (0, 1, 2)], os.access("/proc/self/mem", os.R_OK))
"""
PROGRAMS = {
    "probe": PROBE,
    "exits": "import sys, atexit; atexit.register(print, 'at exit'); print('x'); sys.exit(3)",
    "says": "import sys; sys.exit('a message')",
    "none": "raise SystemExit",
    "odd": "raise SystemExit(3.5)",
    "raises": "def inner():\n    raise ValueError('wrong')\ninner()",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('after') from e",
    "syntax": "def broken(:\n",
    "missing": "import nothing_of_this_name",
    "interrupted": "raise KeyboardInterrupt",
    "signals": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "aborts": "import os; os.abort()",
    "quick": "import os; print('lost'); os._exit(4)",
    "threads": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(.1), print('later'))).start()",
    "children": "import os, subprocess; print(subprocess.run(['sh', '-c', 'echo child; exit 5']).returncode)",
    "pool": "import multiprocessing as m\nif __name__ == '__main__': print(m.Pool(2).map(abs, [-1, -2]))",
    "streams": "import sys; sys.stdout.write('no newline'); sys.stderr.write('e');"
    " sys.stdout.buffer.write(b'\\xff')",
    "hook": "import sys; sys.excepthook = lambda *a: print('hooked', a[0]); 1 / 0",
    "zone": "import time, locale; print(time.tzname, locale.getlocale(), hash('stable'), hash(b'x'))",
    "package/__main__": "import sys; print(__name__, __package__, sys.argv)",
}


@pytest.fixture
def programs(sandboxes, tmp_path):
    for name, text in PROGRAMS.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with sandboxes.open(SandboxSpec(tree=tmp_path, limits=Limits(seconds=20, memory_mib=512))) as sandbox:
        yield sandbox, sandboxes.python


def outcome(completed):
    return completed.exit_status, completed.stopped_by, completed.stdout, completed.stderr


@pytest.mark.parametrize(
    "python_variables", [(), (("PYTHONUNBUFFERED", "1"), ("TZ", "Asia/Tokyo"), ("X", "é"))]
)
def test_a_warm_command_does_what_a_cold_one_does(programs, python_variables):
    sandbox, python = programs
    for name in [*PROGRAMS, "not_there", "json.tool"]:
        module = name.removesuffix("/__main__")
        argv = (python, "-m", module, "one", "--two", "")
        command = Command(argv=argv, env=python_variables, stdin=b"some input")
        cold = outcome(sandbox.run(command))
        warm = Command(argv=argv, env=python_variables, stdin=b"some input", preload=PRELOAD)
        assert [outcome(sandbox.run(warm)) for _ in range(2)] == [cold, cold], name


def test_it_is_warm_indeed(programs):
    """The parent of a forked command is the fork server, of a cold one the runner: the first process."""
    sandbox, python = programs
    overlay = {"parent.py": b"import os, sys; print(os.getppid(), 'unittest' in sys.modules)"}
    argv = (python, "-m", "parent")
    assert sandbox.run(Command(argv=argv), overlay).stdout == b"1 False\n"
    first = sandbox.run(Command(argv=argv, preload=PRELOAD), overlay).stdout.split()
    assert first[0] != b"1"
    assert first[1] == b"True"
    assert sandbox.run(Command(argv=argv, preload=PRELOAD), overlay).stdout.split() == first


PARENT = b"import os; print(os.getppid() == 1)"


@pytest.mark.parametrize(
    ("overlay", "env"),
    [
        ({"json.py": b"MINE = 1"}, ()),
        ({"plistlib/__init__.py": b""}, ()),
        ({"src/email.py": b""}, (("PYTHONPATH", "/workspace/src"),)),
        ({"src/unittest.pyi": b""}, (("PYTHONPATH", "src"),)),
        ({}, (("PYTHONSAFEPATH", "1"), ("PYTHONPATH", "/workspace"))),
        ({}, (("COVERAGE_PROCESS_START", "/workspace/rc"),)),
    ],
)
def test_a_tree_that_shadows_what_is_loaded_gets_a_cold_interpreter(sandboxes, tmp_path, overlay, env):
    (tmp_path / "src").mkdir()
    with sandboxes.open(SandboxSpec(tree=tmp_path)) as sandbox:
        argv = (sandboxes.python, "-m", "where")
        command = Command(argv=argv, env=env, preload=PRELOAD)
        assert sandbox.run(command, {"where.py": PARENT, **overlay}).stdout == b"True\n"


def test_no_code_of_the_tree_gets_into_the_server(sandboxes, tmp_path):
    """Not even by way of sitecustomize, which an interpreter imports before anything else."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.seen = getattr(sys, 'seen', 0) + 1")
    (tmp_path / "look.py").write_text("import os, sys; print(sys.seen if hasattr(sys, 'seen') else None)")
    command = Command(
        argv=(sandboxes.python, "-m", "look"), env=(("PYTHONPATH", "/workspace"),), preload=("json", "look")
    )
    with sandboxes.open(SandboxSpec(tree=tmp_path)) as sandbox:
        answers = {sandbox.run(command).stdout for _ in range(2)}
        cold = sandbox.run(Command(argv=command.argv, env=command.env)).stdout
    assert cold == b"1\n"
    assert answers <= {b"1\n", b"None\n"}


def test_random_numbers_differ_from_fork_to_fork(programs):
    sandbox, python = programs
    overlay = {"draw.py": b"import random; print(random.random())"}
    command = Command(argv=(python, "-m", "draw"), preload=("random",))
    assert len({sandbox.run(command, overlay).stdout for _ in range(3)}) == 3


def test_a_command_that_kills_or_stops_the_server_harms_itself_only(programs):
    sandbox, python = programs
    for number in (signal.SIGKILL, signal.SIGSTOP):
        harm = f"import os; os.kill(os.getppid(), {number:d}); print('done')".encode()
        command = Command(
            argv=(python, "-m", "harm"), preload=("json",), limits=Limits(seconds=1, memory_mib=512)
        )
        sandbox.run(command, {"harm.py": harm})
        assert sandbox.run(command, {"harm.py": b"print('fine')"}).stdout == b"fine\n"


def test_a_preload_that_hangs_prints_or_fails_is_done_without(sandboxes, tmp_path):
    site = tmp_path / "env" / "site"
    site.mkdir(parents=True)
    (site / "prints.py").write_text("print('hello')")
    (site / "fails.py").write_text("raise ValueError('no')")
    (site / "threads.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    (site / "dies.py").write_text("import os; os._exit(1)")
    with sandboxes.open(SandboxSpec(environment=tmp_path / "env")) as sandbox:
        for name in ("prints", "fails", "threads", "dies"):
            command = Command(
                argv=(sandboxes.python, "-m", "where"), env=(("PYTHONPATH", "/env/site"),), preload=(name,)
            )
            assert sandbox.run(command, {"where.py": PARENT}).stdout == b"True\n", name


TESTS = """
import sys, warnings
import pytest
def test_passes(tmp_path, capsys): print("hello"); assert capsys.readouterr().out == "hello\\n"
def test_fails(): assert {"a": 1} == {"a": 2}
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.fixture
def broken(): raise RuntimeError("fixture")
def test_error(broken): pass
@pytest.mark.parametrize("n", [1, 2])
def test_many(n, monkeypatch): monkeypatch.setattr(sys, "x", 1, raising=False)
def test_warns(): warnings.warn("careful")
def test_main(): assert sys.modules["__main__"].__spec__.name == "pytest.__main__"
"""


def test_pytest_reports_the_same_warm_and_cold(sandboxes, tmp_path):
    site = tmp_path / "env" / "site"
    for name in ("pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.locate(), site / file)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "test_it.py").write_text(TESTS)
    argv = (
        sandboxes.python,
        "-m",
        "pytest",
        "-v",
        "-W",
        "error::pytest.PytestWarning",
        "--junitxml=r.xml",
        "-rA",
    )
    env = (("PYTHONPATH", "/env/site"),)
    with sandboxes.open(SandboxSpec(tree=tree, environment=tmp_path / "env")) as sandbox:
        reports = []
        for preload in ((), ("pytest", "_pytest.junitxml"), ("pytest", "_pytest.junitxml")):
            completed = sandbox.run(Command(argv=argv, env=env, collect=("r.xml",), preload=preload))
            assert completed.collected, completed.stderr
            xml = re.sub(rb'(time|timestamp|hostname)="[^"]*"', b"", completed.collected["r.xml"])
            reports.append(
                (completed.exit_status, re.sub(rb"in [0-9.]+s", b"", completed.stdout), completed.stderr, xml)
            )
    assert reports[0][0] == 1
    assert reports[1:] == [reports[0]] * 2
