"""A system-call filter for bubblewrap sandboxes: what no test needs and kernel exploits love is refused.

Docker has such a filter of its own; this one is short, in classic BPF, without libseccomp. On a
processor that is not in the table there is none, and namespaces, capabilities and limits hold alone.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
NOT_THERE = 0x00050000 | errno.ENOSYS
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
NEW_NAMESPACES = 0x7E020080  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}
X32 = 0x40000000  # numbers from here on are the x32 ABI, which goes around every other rule
CLONE3 = 435  # its flags lie in memory, where no filter can read them; libc then falls back to clone

EVERYWHERE = (
    425, 426, 427,  # io_uring_setup, _enter, _register
    428, 429, 442,  # open_tree, move_mount, mount_setattr
    430, 431, 432, 433,  # fsopen, fsconfig, fsmount, fspick
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """Numbers of one architecture, from the kernel's tables."""

    audit: int
    clone: int
    refused: tuple[int, ...]


PROCESSORS = {
    "x86_64": Processor(
        audit=0xC000003E,
        clone=56,
        refused=(
            272, 308,  # unshare, setns
            165, 166, 155, 161,  # mount, umount2, pivot_root, chroot
            167, 168, 169, 163, 179,  # swapon, swapoff, reboot, acct, quotactl
            175, 313, 176, 246, 320,  # init_module, finit_module, delete_module, kexec_load, kexec_file_load
            248, 249, 250,  # add_key, request_key, keyctl
            321, 298, 323,  # bpf, perf_event_open, userfaultfd
            304, 300, 103,  # open_by_handle_at, fanotify_init, syslog
            164, 227, 172, 173,  # settimeofday, clock_settime, iopl, ioperm
        ),
    ),
    "aarch64": Processor(
        audit=0xC00000B7,
        clone=220,
        refused=(
            97, 268,
            40, 39, 41, 51,
            224, 225, 142, 89, 60,
            105, 273, 106, 104, 294,
            217, 218, 219,
            280, 241, 282,
            265, 262, 116,
            170, 112,
        ),
    ),
}  # fmt: skip


def program(machine: str | None = None) -> bytes | None:
    """The filter as bubblewrap's ``--seccomp`` reads it; None for an architecture that is not known here."""
    processor = PROCESSORS.get(machine or platform.machine())
    if processor is None:
        return None
    # Jumps are relative to the next instruction: (skipped when true, skipped when false).
    code = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, processor.audit, 1, 0),
        _step(RETURN, REFUSE),  # another ABI (32 bit) has other numbers
        _step(LOAD, NUMBER),
        _step(AT_LEAST, X32, 0, 1),
        _step(RETURN, NOT_THERE),
        _step(EQUAL, CLONE3, 0, 1),
        _step(RETURN, NOT_THERE),
    ]
    for number in (*processor.refused, *EVERYWHERE):
        code += [_step(EQUAL, number, 0, 1), _step(RETURN, REFUSE)]
    code += [
        _step(EQUAL, processor.clone, 0, 3),
        _step(LOAD, FIRST_ARGUMENT),
        _step(ANY_BIT, NEW_NAMESPACES, 0, 1),
        _step(RETURN, REFUSE),
        _step(RETURN, ALLOW),
    ]
    return b"".join(code)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
