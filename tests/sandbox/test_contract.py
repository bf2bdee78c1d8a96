"""What sandbox/__init__.py promises, against both backends."""

from __future__ import annotations

import threading

import pytest

from sandbox import (
    Command,
    LimitName,
    Limits,
    SandboxClosed,
    SandboxError,
    SandboxSpec,
    SandboxUnavailable,
)
from sandbox.bubblewrap import BubblewrapSandboxes


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -TERM $$", -15), ("kill -SEGV $$", -11)],
)
def test_the_exit_status_is_told(opened, script, status):
    completed = opened.sh(script)
    assert (completed.exit_status, completed.stopped_by) == (status, None)
    assert completed.ok == (status == 0)


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (("no-such-program",), 127, b"no-such-program: No such file or directory\n"),
        (("/workspace/file.txt",), 126, b"/workspace/file.txt: Permission denied\n"),
    ],
)
def test_a_command_that_cannot_start_is_told_as_a_shell_does(opened, argv, status, said):
    completed = opened.run(*argv)
    assert (completed.exit_status, completed.stderr) == (status, said)


def test_streams_are_kept_apart_and_input_is_given(opened):
    completed = opened.run("sh", "-c", "cat; echo problem >&2", stdin=b"in\x00put")
    assert (completed.stdout, completed.stderr) == (b"in\x00put", b"problem\n")
    assert opened.sh("cat").stdout == b""


def test_a_command_finds_the_tree(opened):
    completed = opened.sh(
        "pwd; cat file.txt inner; ./run.sh; readlink outer; cat package/deep/data.bin | wc -c"
    )
    assert completed.stdout.split() == b"/workspace base VALUE = 1 ran /etc/passwd 256".split()


def test_an_overlay_changes_adds_and_deletes(opened):
    overlay = {
        "file.txt": b"new\n",
        "a/b/c.txt": b"added\n",
        "inner": None,
        "run.sh": b"#!/bin/sh\necho other\n",
    }
    completed = opened.run("sh", "-c", "cat file.txt a/b/c.txt; ./run.sh; ls", overlay=overlay)
    assert completed.stdout.split() == b"new added other a file.txt folder outer package run.sh".split()
    assert (
        opened.sh("cat file.txt; ls").stdout.split()
        == b"base file.txt folder inner outer package run.sh".split()
    )


def test_a_file_may_give_way_to_a_directory_of_its_name(opened):
    completed = opened.run("cat", "file.txt/x", overlay={"file.txt": None, "file.txt/x": b"inside"})
    assert completed.stdout == b"inside"


def test_an_overlay_replaces_a_link_and_does_not_write_through_it(opened):
    completed = opened.run("sh", "-c", "cat inner package/module.py", overlay={"inner": b"mine\n"})
    assert completed.stdout == b"mine\nVALUE = 1\n"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/x",
        "../x",
        "a/../../x",
        "",
        ".",
        "a//b",
        "a/./b",
        "x\0y",
        "folder/x",
        "outer/x",
        "file.txt/x",
        "package",
    ],
)
def test_a_bad_overlay_path_is_a_value_error_and_the_sandbox_lives_on(opened, path):
    with pytest.raises(ValueError, match=r"path|overlay"):
        opened.run("true", overlay={path: b""})
    assert opened.sh("cat file.txt").stdout == b"base\n"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", ""])
def test_a_bad_name_to_collect_is_a_value_error(opened, path):
    with pytest.raises(ValueError, match="path"):
        opened.run("true", collect=(path,))


def test_files_are_collected(opened):
    completed = opened.sh(
        "printf 'a\\0b' > made; mkdir d; echo x > d/y", collect=("made", "d/y", "file.txt", "gone")
    )
    assert completed.collected == {"made": b"a\0b", "d/y": b"x\n", "file.txt": b"base\n"}


def test_only_regular_files_are_collected_and_no_link_is_followed(opened):
    script = (
        "ln -s /etc/passwd link; ln -s / root; mkfifo pipe; mkdir dir; ln -s file.txt near; chmod 0 run.sh"
    )
    names = ("link", "root/etc/passwd", "pipe", "dir", "near", "outer", "inner", "folder/module.py", "run.sh")
    completed = opened.sh(script, collect=names)
    assert (completed.exit_status, completed.collected) == (0, {})


def test_collecting_is_capped_and_says_so(opened):
    completed = opened.sh(
        "head -c 1000000 /dev/zero > big; head -c 100000 /dev/zero > more", collect=("big", "more")
    )
    assert (sorted(completed.collected), completed.truncated) == (["big"], True)


def test_of_long_output_head_and_tail_are_kept(opened):
    completed = opened.code(
        "import sys; sys.stdout.write('HEAD' + 'x' * 100_000 + 'TAIL'); print('e', file=sys.stderr)"
    )
    assert len(completed.stdout) == 4096
    assert completed.stdout.startswith(b"HEAD")
    assert completed.stdout.endswith(b"TAIL")
    assert (completed.truncated, completed.stderr, completed.exit_status) == (True, b"e\n", 0)


DIRT = """
echo dirty > file.txt; rm run.sh; chmod 000 package; mkdir -p new/deep; echo x > new/deep/y; ln -sf /tmp inner
echo leftover > /tmp/x; mkdir -m 000 /tmp/locked; echo leftover > ~/.profile; echo leftover > /dev/shm/x
touch -h -d @0 outer; touch -d @0 package file.txt; mkdir -p a/b/c; chmod 000 a/b/c
 chmod 000 a/b; chmod 000 a
"""
LOOK = """
cat file.txt; ./run.sh; cat package/module.py; readlink inner; ls -a; ls -a /tmp ~ /dev/shm
ls -l --time-style=+%s
"""


def test_one_run_sees_nothing_of_another(opened):
    before = opened.sh(LOOK)
    assert before.exit_status == 0
    assert opened.sh(DIRT).exit_status == 0
    assert opened.sh(LOOK).stdout == before.stdout


REMEMBER = """
import ctypes, mmap, os, time
fd = os.open("package/module.py", os.O_RDWR)
stamp = os.stat(fd)
page = mmap.mmap(fd, 0)
page[0]           # a read fault maps the page writable on tmpfs ...
page[8:9] = b"7"  # ... and this changes no time stamp
after = os.stat(fd)
assert (stamp.st_mtime_ns, stamp.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns) or True
libc = ctypes.CDLL(None)
libc.shmget(4242, 4096, 0o1600)
libc.msgget(4242, 0o1600)
libc.semget(4242, 1, 0o1600)
"""
RECALL = """
import ctypes
libc = ctypes.CDLL(None)
print(open("package/module.py").read())
print(libc.shmget(4242, 4096, 0), libc.msgget(4242, 0), libc.semget(4242, 1, 0))
"""


def test_neither_a_shared_mapping_nor_the_kernel_remembers_a_run(opened):
    opened.sh("true")
    assert opened.code(REMEMBER).exit_status == 0
    assert opened.code(RECALL).stdout.split() == b"VALUE = 1 -1 -1 -1".split()


TAMPER = """
import os, resource, signal
for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
    if pid not in (1, os.getpid()):
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, 8))
            os.setpriority(os.PRIO_PROCESS, pid, 19)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM):
                os.kill(pid, number)
        except PermissionError:
            pass
print("done")
"""


AFTER_TAMPERING = """
import os, resource
print(resource.getrlimit(resource.RLIMIT_FSIZE)[0] > 1 << 20, os.nice(0))
open("big", "wb").write(bytes(1 << 20))
"""


def test_a_run_cannot_weaken_the_runner_for_the_next_one(opened):
    assert opened.code(TAMPER).stdout == b"done\n"
    completed = opened.code(AFTER_TAMPERING)
    assert (completed.stdout, completed.exit_status) == (b"True 0\n", 0)


ENVIRONMENT = (
    "import os; print(sorted(os.environ)); print([os.environ.get(k) for k in"
    " ('LANG', 'TZ', 'HOME', 'PYTHONHASHSEED', 'PYTHONDONTWRITEBYTECODE', 'COLUMNS')])"
)


def test_commands_find_the_same_environment_in_every_backend(opened, monkeypatch):
    monkeypatch.setenv("CODEAGENT_CANARY", "do-not-leak-me")
    names, values = opened.code(ENVIRONMENT).stdout.decode().splitlines()
    assert names == str(
        ["HOME", "LANG", "LOGNAME", "PATH", "PWD", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "TZ", "USER"]
    )
    assert values == "['C.UTF-8', 'UTC', '/home/agent', '0', '1', None]"


def test_a_command_adds_variables(opened):
    completed = opened.sandbox.run(Command(argv=("sh", "-c", "echo $A$TZ"), env=(("A", "b"), ("TZ", "CET"))))
    assert completed.stdout == b"bCET\n"


@pytest.mark.parametrize("env", [(("", "x"),), (("A=B", "x"),), (("A", "x\0"),)])
def test_an_impossible_variable_is_a_value_error(opened, env):
    with pytest.raises(ValueError, match="environment"):
        opened.sandbox.run(Command(argv=("true",), env=env))


def test_limits_of_a_command_replace_those_of_the_sandbox(opened):
    used = "import os; disk = os.statvfs('/workspace'); print(disk.f_blocks * disk.f_frsize >> 20)"
    assert opened.code(used).stdout == b"48\n"
    assert opened.code(used, limits=Limits(disk_mib=32)).stdout == b"32\n"
    assert opened.code(used).stdout == b"48\n"


def test_an_empty_tree_is_a_tree(sandboxes):
    with sandboxes.open(SandboxSpec()) as sandbox:
        completed = sandbox.run(Command(argv=("sh", "-c", "ls -A; pwd")), {"x": b""})
        assert completed.stdout == b"x\n/workspace\n"


def test_an_environment_is_shown_read_only_and_comes_first_on_the_path(sandboxes, tmp_path):
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "tool").write_text("#!/bin/sh\necho tool\n")
    (tmp_path / "env" / "bin" / "tool").chmod(0o755)
    with sandboxes.open(SandboxSpec(environment=tmp_path / "env")) as sandbox:
        completed = sandbox.run(Command(argv=("sh", "-c", "tool; touch /env/x; rm /env/bin/tool")))
    assert completed.stdout == b"tool\n"
    assert completed.exit_status != 0
    assert sorted(path.name for path in (tmp_path / "env").rglob("*")) == ["bin", "tool"]


def test_a_tree_that_does_not_fit_is_an_error_that_says_so(sandboxes, tmp_path):
    (tmp_path / "big").write_bytes(bytes(40 << 20))
    with (
        sandboxes.open(SandboxSpec(tree=tmp_path, limits=Limits(disk_mib=16))) as sandbox,
        pytest.raises(SandboxError, match="disk_mib"),
    ):
        sandbox.run(Command(argv=("true",)))


def test_a_tree_that_is_missing_cannot_be_shown(sandboxes, tmp_path):
    with (
        pytest.raises(SandboxUnavailable, match="not a directory"),
        sandboxes.open(SandboxSpec(tree=tmp_path / "no")),
    ):
        pass


def test_the_tree_is_never_written(opened):
    opened.sh("echo x > file.txt; echo x > /base/file.txt; touch /base/x; rm -rf package")
    assert (opened.tree / "file.txt").read_text() == "base\n"
    assert not (opened.tree / "x").exists()


def test_after_close_a_run_is_refused_and_close_is_idempotent(sandboxes, tree):
    with sandboxes.open(SandboxSpec(tree=tree)) as sandbox:
        sandbox.close()
        sandbox.close()
        with pytest.raises(SandboxClosed):
            sandbox.run(Command(argv=("true",)))


def test_closing_from_another_thread_ends_a_run(sandboxes, tree):
    with sandboxes.open(SandboxSpec(tree=tree, limits=Limits(seconds=250))) as sandbox:
        timer = threading.Timer(0.5, sandbox.close)
        timer.start()
        with pytest.raises(SandboxClosed):
            sandbox.run(Command(argv=("sleep", "240")))
        timer.join()


def test_a_sandbox_may_be_used_from_a_thread_that_did_not_open_it(sandboxes, tree):
    manager = sandboxes.open(SandboxSpec(tree=tree))
    box = []
    opener = threading.Thread(target=lambda: box.append(manager.__enter__()))
    opener.start()
    opener.join()
    try:
        assert box[0].run(Command(argv=("echo", "alive"))).stdout == b"alive\n"
    finally:
        manager.__exit__(None, None, None)


def test_sandboxes_say_who_they_are(sandboxes):
    assert sandboxes.name in ("docker", "bubblewrap")
    assert sandboxes.identity.startswith(sandboxes.name)
    with sandboxes.open(SandboxSpec()) as sandbox:
        assert sandbox.run(Command(argv=(sandboxes.python, "-c", "pass"))).ok


def test_many_sandboxes_live_side_by_side(sandboxes, tree):
    with sandboxes.open(SandboxSpec(tree=tree)) as one, sandboxes.open(SandboxSpec(tree=tree)) as other:
        results = []
        runs = [
            threading.Thread(
                target=lambda s=s: results.append(
                    s.run(Command(argv=("sh", "-c", "sleep 0.2; echo x > y; ls /proc | grep -c '^[0-9]'")))
                )
            )
            for s in (one, other)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert [completed.exit_status for completed in results] == [0, 0]
    assert all(int(completed.stdout) < 10 for completed in results)


def test_a_time_limit_is_a_value(opened):
    completed = opened.code("import time; print('a', flush=True); time.sleep(60)", limits=Limits(seconds=0.5))
    assert (completed.exit_status, completed.stopped_by, completed.stdout) == (None, LimitName.TIME, b"a\n")


@pytest.mark.bubblewrap
def test_sandboxes_made_apart_do_not_get_in_each_others_way(tree):
    """Two objects in one process once gave their control groups the same name."""
    one, other = BubblewrapSandboxes(), BubblewrapSandboxes()
    with one.open(SandboxSpec(tree=tree)) as first:
        with other.open(SandboxSpec(tree=tree)) as second:
            assert second.run(Command(argv=("true",))).ok
        assert first.run(Command(argv=("true",))).ok
