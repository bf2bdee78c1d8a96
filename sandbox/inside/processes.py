"""What the runner does to itself, to other processes and to what they may leave in the kernel."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from collections.abc import Collection
from contextlib import suppress

PR_SET_DUMPABLE = 4
IPC_RMID = 0
OOM_PREFERENCE = b"500"
"""Commands are killed for lack of memory before the runner is."""

OOM_COUNTERS = (
    "/run/limits/oom",  # bubblewrap: the host shows the counter of the cgroup here
    "/sys/fs/cgroup/memory.events",  # Docker, cgroup v2
    "/sys/fs/cgroup/memory/memory.oom_control",  # Docker, cgroup v1
)


def protect() -> None:
    """Make this process unreadable and untraceable for others of its user.

    Being not dumpable closes ``ptrace``, ``process_vm_writev``, ``pidfd_getfd`` and ``/proc/<pid>/{mem,fd}``.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


def withstand_signals() -> None:
    """A command may send its runner any signal. Handlers, for ignored ones would stay ignored in commands."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE}:
        with suppress(OSError):  # those that libc keeps for itself
            signal.signal(number, lambda *_: None)


LIMITS = tuple(sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}))


def standing(pid: int = 0) -> tuple[object, ...]:
    """What another process of this user can change about ``pid``, and with it about all later commands."""
    return (
        *(resource.prlimit(pid, number) for number in LIMITS),
        os.getpriority(os.PRIO_PROCESS, pid),
        os.sched_getscheduler(pid),
        sorted(os.sched_getaffinity(pid)),
    )


def limit(processes: int, file_bytes: int, address_bytes: int) -> None:
    """Limits that the runner and all that it starts share; 0 is none."""
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, file_bytes or resource.RLIM_INFINITY),
        (resource.RLIMIT_NPROC, processes or resource.RLIM_INFINITY),
        (resource.RLIMIT_AS, address_bytes or resource.RLIM_INFINITY),
    )
    for name, value in wanted:
        _, hard = resource.getrlimit(name)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        if value != resource.RLIM_INFINITY:
            resource.setrlimit(name, (value, value))


def prefer_to_kill(pid: int) -> None:
    try:
        with open(f"/proc/{pid}/oom_score_adj", "wb", buffering=0) as stream:
            stream.write(OOM_PREFERENCE)
    except OSError:  # it is gone already
        return


def memory_kills() -> int:
    """How often a process of this sandbox was killed for lack of memory so far."""
    for path in OOM_COUNTERS:
        try:
            with open(path, "rb") as stream:
                for line in stream:
                    name, _, value = line.partition(b" ")
                    if name == b"oom_kill":
                        return int(value)
        except OSError:
            continue
    return 0


def memory_bytes(cap: int) -> int:
    """Memory of all processes in this namespace together, exact only beyond ``cap``.

    Private pages are quickly summed, but count a page that forked processes share once for each; only
    when that is too much, each process's share is asked of the kernel, which takes far longer.
    """
    page = resource.getpagesize()
    private = {pid: _private_pages(pid) * page for pid in _pids()}
    quick = sum(private.values())
    if quick <= cap:
        return quick
    return sum(_share_bytes(pid, otherwise) for pid, otherwise in private.items())


def kill_others(keep: Collection[int]) -> bool:
    """Kill every process of this namespace but this one and ``keep``, and reap. False: some survived.

    This process is the first of its namespace, so nothing in it can kill or stop this one, and orphans become
    its children. A fork bomb can outrun a loop over ``/proc``; ``kill(-1)`` cannot be outrun, but spares
    nothing.
    """
    spared = {os.getpid(), *keep}
    for attempt in range(500):
        others = [pid for pid in _pids() if pid not in spared]
        alive = [pid for pid in others if not _reaped(pid)]
        if not alive:
            return True
        if attempt < 3:
            for pid in alive:
                _kill(pid)
        else:
            _kill(-1)
        time.sleep(0 if attempt < 10 else 0.01)
    return False


def remove_ipc() -> None:
    """System V objects and POSIX queues outlive the processes that made them."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("shm", "sem", "msg"):
        try:
            with open(f"/proc/sysvipc/{kind}", "rb") as stream:
                rows = stream.read().splitlines()[1:]
        except OSError:  # a kernel without them
            continue
        for row in rows:
            number = int(row.split()[1])
            if kind == "shm":
                libc.shmctl(number, IPC_RMID, None)
            elif kind == "sem":
                libc.semctl(number, 0, IPC_RMID)
            else:
                libc.msgctl(number, IPC_RMID, None)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def reap_orphans(mine: Collection[int]) -> None:
    """Orphans that ended come to the first process, and count against the limit until it has waited for them.

    Stops at the first child that is waited for elsewhere: the command itself, a fork server.
    """
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in mine:
            return
        os.waitpid(found.si_pid, os.WNOHANG)


def _reaped(pid: int) -> bool:
    """Whether the process is gone; an orphan that ended is a child to be waited for."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # somebody else's child, who may wait for it yet
        return _state(pid) in ("Z", "X", "")


def _state(pid: int) -> str:
    text = _read(f"/proc/{pid}/stat")
    return text[text.rindex(b")") + 2 :][:1].decode("ascii") if text else ""


def _private_pages(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return max(0, int(fields[1]) - int(fields[2])) if fields else 0


def _share_bytes(pid: int, otherwise: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) << 10
    return otherwise  # a process that does not let itself be read counts in full


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.read()
    except OSError:  # it ended meanwhile
        return b""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
