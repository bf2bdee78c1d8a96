"""What keeps a hostile command in: bombs, and everything outside that it may try to reach."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import docker
import pytest

from sandbox import Command, LimitName, Limits, SandboxSpec
from sandbox.docker import SOCKET, mounts, walls

QUICK = Limits(seconds=2, memory_mib=192, processes=40, disk_mib=48, output_bytes=4096)

STUBBORN = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            while True:
                time.sleep(1)
        os._exit(0)
time.sleep(100)
"""
FORKS = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
MEMORY = "hoard = []\nwhile True: hoard.append(bytearray(1 << 22))"
SPREAD_MEMORY = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        hoard = bytearray(b'x') * (60 << 20)
        time.sleep(100)
for _ in range(8):
    if os.wait()[1]:
        raise SystemExit(1)
"""
OUTPUT = "import os\nwhile True: os.write(2, b'y' * 65536)"
SLEEP = "import time; time.sleep(100)"
FREEZE = "import os, signal, time; os.kill(1, signal.SIGSTOP); time.sleep(100)"

BOMBS = {
    "forks": (FORKS, LimitName.TIME),
    "memory": (MEMORY, LimitName.MEMORY),
    "memory of many processes": (SPREAD_MEMORY, LimitName.MEMORY),
    "output": (OUTPUT, LimitName.OUTPUT),
    "sleep": (SLEEP, LimitName.TIME),
    "stubborn": (STUBBORN, LimitName.TIME),
    "freezing": (FREEZE, LimitName.TIME),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_stopped_and_the_next_run_works(limited, bomb):
    code, limit = BOMBS[bomb]
    completed = limited.code(code, limits=QUICK)
    assert (completed.exit_status, completed.stopped_by) == (None, limit)
    assert len(completed.stdout) + len(completed.stderr) <= 2 * QUICK.output_bytes
    after = limited.sandbox.run(_command("cat file.txt; ls /proc | grep '^[0-9]' | wc -l", QUICK))
    assert after.stdout.split()[0] == b"base"
    assert int(after.stdout.split()[1]) <= 8


def _command(script: str, limits: Limits | None = None):
    return Command(argv=("sh", "-c", script), limits=limits)


def test_forking_fails_inside_and_does_not_stop_the_command(limited):
    code = (
        "import os, time\nmade = 0\nfor _ in range(200):\n try:\n  pid = os.fork()\n except OSError as e:\n"
        "  print(made < 60, e.errno)\n  break\n if pid == 0: time.sleep(50); os._exit(0)\n made += 1\n"
    )
    completed = limited.code(code)
    assert (completed.exit_status, completed.stdout) == (0, b"True 11\n")


@pytest.mark.parametrize("where", ["/workspace/x", "/tmp/x", "/home/agent/x", "/dev/shm/x"])
def test_writing_beyond_the_disk_fails_inside(opened, where):
    code = (
        "import os, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"written = 0\ntry:\n with open({where!r}, 'wb', 0) as f:\n"
        "  while True: written += f.write(bytes(1 << 20))\n"
        "except OSError as e: print(e.errno in (27, 28), written >> 20 <= 48)"
    )
    completed = opened.code(code)
    assert (completed.exit_status, completed.stdout) == (0, b"True True\n")
    assert opened.sh("ls /tmp ~ /dev/shm").stdout.split() == b"/dev/shm: /home/agent: /tmp:".split()


def test_many_files_fill_no_more_than_the_disk(opened):
    script = "i=0; while head -c 4000000 /dev/zero > f$i 2>/dev/null; do i=$((i+1)); done; du -sm . | cut -f1"
    assert int(opened.sh(script).stdout) <= 50


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT])
def test_a_command_cannot_kill_or_stop_the_runner(opened, number):
    assert opened.sh(f"kill -{number:d} 1; kill -{number:d} -1; echo alive").stdout == b"alive\n"
    assert opened.sh("echo again").stdout == b"again\n"


FORGE = """
import glob, os, struct
answer = (b'{"status": 0, "stopped_by": null, "seconds": 0.1, "truncated": false, "collected": [],'
          b' "blobs": [6, 0]}FORGED')
answer = struct.pack(">I", len(answer) - 6) + answer
mine = os.getpid()
tried = reached = 0
for number in range(3, 1024):
    try:
        os.write(number, answer); reached += 1
    except OSError:
        tried += 1
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) == mine:
        continue
    streams = [f"/proc/{pid}/fd/{n}" for n in (0, 1, 2, 100, 101, 102, 103)]
    for path in (*streams, f"/proc/{pid}/mem", f"/proc/{pid}/environ"):
        try:
            fd = os.open(path, os.O_RDWR if path.endswith("mem") else os.O_WRONLY)
            os.write(fd, answer); reached += 1
        except OSError:
            tried += 1
print(reached, tried > 1000)
raise SystemExit(7)
"""
TRACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
others = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid()]
print([libc.ptrace(16, pid, 0, 0) for pid in others])
"""


def test_a_command_cannot_speak_for_the_runner(opened):
    completed = opened.code(FORGE)
    assert (completed.exit_status, completed.stdout) == (7, b"0 True\n")


def test_a_command_cannot_trace_the_runner(opened):
    assert set(opened.code(TRACE).stdout.strip(b"[]\n").split(b", ")) == {b"-1"}


REACH = """
import socket, sys
def attempt(what, *args):
    try:
        what(*args)
        return "REACHED"
    except OSError:
        return "refused"
port = int(sys.argv[1])
socket.setdefaulttimeout(3)
print(attempt(socket.create_connection, ("127.0.0.1", port)))
print(attempt(socket.create_connection, ("169.254.169.254", 80)))
print(attempt(socket.create_connection, ("198.51.100.1", 443)))
print(attempt(socket.create_connection, (sys.argv[2], port)))
print(attempt(socket.getaddrinfo, "example.org", 443))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(attempt(udp.sendto, b"x", ("198.51.100.1", 53)))
for path in ("/var/run/docker.sock", "/run/docker.sock", "\\0codeagent-test-canary"):
    print(attempt(socket.socket(socket.AF_UNIX).connect, path))
print([name for _, name in socket.if_nameindex() if name != "lo" and not name.endswith("0")])
"""


def test_nothing_on_the_network_is_reached(opened):
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0codeagent-test-canary")
    abstract.listen()
    with socket.create_server(("0.0.0.0", 0)) as listener, abstract:
        own = socket.gethostbyname(socket.gethostname())
        completed = opened.run(opened.python, "-c", REACH, str(listener.getsockname()[1]), own)
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert completed.stdout.split() == [b"refused"] * 9 + [b"[]"], completed.stderr


def test_files_of_the_host_are_not_there(opened, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("host secret")
    at_home = Path.home() / f".codeagent-canary-{os.getpid()}"
    at_home.write_text("host secret")
    try:
        reads = ["/etc/shadow", canary, at_home, "/proc/1/environ", "/proc/1/root/etc/shadow"]
        completed = opened.sh("; ".join(f"cat {path}" for path in reads) + f"; ls {Path.home()}/.ssh")
    finally:
        at_home.unlink()
    assert completed.stdout == b""
    assert opened.sh("grep -rl 'host secret' /tmp /home /run /var /mnt /srv 2>/dev/null").stdout == b""


def test_no_process_of_the_host_and_nothing_of_its_environment_is_seen(opened, monkeypatch):
    monkeypatch.setenv("CODEAGENT_CANARY", "canary-4711")
    with subprocess.Popen(("sleep", "30"), env={"CODEAGENT_CANARY": "canary-4711"}) as other:
        completed = opened.sh(
            "ls /proc | grep -c '^[0-9]'; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'"
        )
        other.kill()
    count, _, rest = completed.stdout.partition(b"\n")
    assert int(count) < 10
    assert b"canary-4711" not in rest
    assert b"sleep" not in rest.split(b"\n")


STATUS = (
    "import os; print(open('/proc/self/status').read());"
    " print('UID', os.getresuid(), os.getresgid(), os.getgroups())"
)


def test_there_is_no_privilege(opened):
    text = opened.code(STATUS).stdout.decode()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    assert {int(fields[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert (fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()) == ("1", "2")
    assert "UID (1000, 1000, 1000) (1000, 1000, 1000)" in text
    assert "(0," not in text.split("UID")[1]


def test_nothing_but_its_own_directories_can_be_written(opened):
    others = "/ /base /etc /usr /usr/bin /bin /lib /dev /proc/sys/kernel /run /root /home /var/tmp /sys"
    assert opened.sh(f"for d in {others}; do touch $d/x 2>/dev/null && echo $d; done").stdout == b""
    assert opened.sh("for d in /workspace /tmp ~ /dev/shm; do touch $d/x || echo $d; done").stdout == b""


KERNEL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare user": (272, 0x10000000), "unshare mount": (272, 0x20000),
         "mount": (165, 0, b"/mnt", b"tmpfs", 0, 0),
         "keyctl": (250, 0, -3, 1), "bpf": (321, 0, 0, 0), "clone user": (56, 0x10000000 | 17, 0, 0, 0, 0),
         "setns": (308, 0, 0), "chroot": (161, b"/tmp"), "perf": (298, 0, 0, 0, 0, 0),
         "userfaultfd": (323, 0),
         "module": (175, 0, 0, 0)}
mine = os.getpid()
for name, call in calls.items():
    result = libc.syscall(*call)
    if os.getpid() != mine:
        os._exit(0)
    if result >= 0:
        print(name)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")
def test_the_kernel_refuses_what_exploits_need(opened):
    assert opened.code(KERNEL).stdout == b""


def test_a_set_user_id_program_gives_nothing(opened):
    assert b"uid=1000" in opened.sh("cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id; /tmp/id").stdout
    assert b"nosuid" in opened.sh("grep ' /workspace ' /proc/mounts").stdout


@pytest.mark.docker
def test_a_running_container_is_as_it_was_made_and_holds_no_secret(shared, monkeypatch, tree):
    monkeypatch.setenv("CODEAGENT_CANARY", "canary-4711")
    sandboxes, label = shared.sandboxes("docker"), f"inspected-{os.getpid()}"
    with sandboxes.open(SandboxSpec(tree=tree, label=label)) as sandbox:
        sandbox.run(Command(argv=("true",), env=(("KEY", "canary-4711"),)))
        client = docker.DockerClient(base_url=SOCKET)
        (found,) = client.api.containers(filters={"name": label})
        inspected = client.api.inspect_container(found["Id"])
        client.close()
    host = inspected["HostConfig"]
    assert "canary-4711" not in json.dumps(inspected)
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["CapDrop"]) == ("none", True, ["ALL"])
    assert (host["Privileged"], host["SecurityOpt"], host["AutoRemove"]) == (
        False,
        ["no-new-privileges"],
        True,
    )
    assert host["Memory"] == host["MemorySwap"] > 0
    assert host["PidsLimit"] > 0
    assert host["NanoCpus"] > 0
    assert host["Binds"] is None
    assert [(mount["Destination"], mount["RW"]) for mount in inspected["Mounts"]] == [("/base", False)]


def test_a_container_is_made_with_every_wall(tmp_path):
    spec = SandboxSpec(
        tree=tmp_path, environment=tmp_path, limits=Limits(memory_mib=100, disk_mib=20, processes=30)
    )
    made = walls(spec)
    assert made["mem_limit"] == made["memswap_limit"] == 120 << 20
    assert {
        key: made[key] for key in ("network_mode", "cap_drop", "read_only", "security_opt", "environment")
    } == {
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "read_only": True,
        "security_opt": ["no-new-privileges"],
        "environment": {},
    }
    assert all(mount["ReadOnly"] for mount in mounts(spec, None))
    assert all("nosuid" in options and "size=20m" in options for options in made["tmpfs"].values())
