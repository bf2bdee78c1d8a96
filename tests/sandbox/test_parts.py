"""The pure parts: paths, frames, answers that are not to be believed, the choice of a sandbox."""

from __future__ import annotations

import json
import os
import platform
import posixpath
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import (
    Command,
    LimitName,
    Limits,
    SandboxError,
    Sandboxes,
    SandboxSpec,
    SandboxUnavailable,
    cgroups,
    paths,
    seccomp,
)
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.channel import Answer, Channel, Demultiplexer, Gone, Late, Nonsense
from sandbox.docker import DockerSandboxes
from sandbox.inside.capture import Capture
from sandbox.select import choose, first_available
from sandbox.session import Session, decode, encode

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.lists(st.one_of(NAMES, st.sampled_from(["..", ".", "", "a", "\0", "/"])), max_size=6).map("/".join))
def test_an_accepted_path_stays_below_its_root_and_is_its_own_normal_form(path):
    if paths.problem(path) is None:
        assert posixpath.normpath(path) == path
        assert not posixpath.isabs(path)
        assert posixpath.normpath(posixpath.join("/root/tree", path)).startswith("/root/tree/")


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("a", True), ("a/b.py", True), ("..a", True), ("a..", True), ("a/.hidden", True), ("ü/ñ", True),
        ("a\\b", True), ("-x", True), ("/a", False), ("a/../b", False), ("..", False), ("a/", False),
        ("a//b", False), ("./a", False), ("x" * 256, False), ("/".join(["xy"] * 1500), False),
        ("a\udfff\ud800", False),
    ],
)  # fmt: skip
def test_paths(path, fine):
    assert (paths.problem(path) is None) is fine


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(2, 40))
def test_head_and_tail_of_a_stream_are_kept(parts, kept):
    capture = Capture(kept)
    for part in parts:
        capture.feed(part)
    whole = b"".join(parts)
    head, tail = kept - kept // 2, kept // 2
    assert capture.kept == (whole if len(whole) <= kept else whole[:head] + whole[len(whole) - tail :])
    assert capture.truncated == (len(whole) > kept)
    assert capture.is_bomb == (len(whole) > 50 * kept)


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=12), st.integers(1, 17))
def test_dockers_frames_are_taken_apart_however_they_arrive(frames, step):
    wire = b"".join(bytes([kind, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for kind, data in frames)
    apart = Demultiplexer()
    out = b"".join(apart(wire[at : at + step]) for at in range(0, len(wire), step))
    assert out == b"".join(data for kind, data in frames if kind == 1)
    assert apart.errors == b"".join(data for kind, data in frames if kind == 2)[-4096:]


GOOD = {"status": 0, "stopped_by": None, "seconds": 0.5, "truncated": False, "collected": [1]}
ASKED = Command(argv=("x",), collect=("a", "b"))
CAPS = Limits(output_bytes=4, collect_bytes=4)


def test_a_good_answer_is_understood():
    completed = decode(Answer(header=dict(GOOD), blobs=(b"out", b"err", b"file")), ASKED, CAPS)
    assert (completed.exit_status, completed.stdout, completed.stderr) == (0, b"out", b"err")
    assert completed.collected == {"b": b"file"}
    stopped = decode(
        Answer(header=GOOD | {"status": 7, "stopped_by": "time"}, blobs=(b"", b"", b"")), ASKED, CAPS
    )
    assert (stopped.exit_status, stopped.stopped_by) == (None, LimitName.TIME)


BAD = [
    {"status": None}, {"status": "0"}, {"status": True}, {"status": 256}, {"status": -65}, {"status": 1.0},
    {"stopped_by": "boredom"}, {"stopped_by": 3}, {"stopped_by": []}, {"seconds": None}, {"seconds": -1.0},
    {"seconds": float("nan")}, {"seconds": float("inf")}, {"seconds": "1"},
    {"truncated": 1}, {"truncated": None},
    {"collected": [2]}, {"collected": [-1]}, {"collected": [True]}, {"collected": []}, {"collected": [0, 1]},
    {"collected": "a"}, {"collected": None}, {"collected": [{}]},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD, ids=str)
def test_an_impossible_answer_is_nonsense(change):
    with pytest.raises(Nonsense):
        decode(Answer(header=GOOD | change, blobs=(b"out", b"err", b"file")), ASKED, CAPS)


@pytest.mark.parametrize("blobs", [(b"12345", b"", b""), (b"", b"12345", b""), (b"", b"", b"12345")])
def test_an_answer_with_more_than_was_asked_for_is_nonsense(blobs):
    with pytest.raises(Nonsense):
        decode(Answer(header=dict(GOOD), blobs=blobs), ASKED, CAPS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(GOOD)), JSON),
    st.lists(st.binary(max_size=6), min_size=2, max_size=5),
)
def test_whatever_is_answered_is_completed_or_nonsense(header, blobs):
    try:
        decode(Answer(header=GOOD | header, blobs=tuple(blobs)), ASKED, CAPS)
    except Nonsense:
        return


def received(data: bytes, *, close: bool = True, seconds: float = 5.0) -> Answer:
    reads, writes = os.pipe()
    spare, unused = os.pipe()
    try:
        os.write(writes, data)
        if close:
            os.close(writes)
        channel = Channel(reads=reads, writes=unused)
        return channel.receive(time.monotonic() + seconds, header_cap=100, blob_cap=2, total_cap=10)
    finally:
        for fd in (reads, spare, unused, *(() if close else (writes,))):
            os.close(fd)


def frame(header: object, rest: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "big") + text + rest


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Gone),
        (b"\0\0", Gone),
        (b"\xff\xff\xff\xff", Nonsense),
        (b"\0\0\0\x65", Nonsense),
        (frame([]), Nonsense),
        (b"\0\0\0\x02{]", Nonsense),
        (b"\0\0\0\x63" + b"[" * 99, Nonsense),
        (frame({}), Nonsense),
        (frame({"blobs": 3}), Nonsense),
        (frame({"blobs": [-1]}), Nonsense),
        (frame({"blobs": [1.5]}), Nonsense),
        (frame({"blobs": [True]}), Nonsense),
        (frame({"blobs": [11]}), Nonsense),
        (frame({"blobs": [1, 1, 1]}, b"abc"), Nonsense),
        (frame({"blobs": [5]}, b"abc"), Gone),
    ],
)
def test_a_frame_that_lies_is_not_read(data, error):
    with pytest.raises(error):
        received(data)


def test_a_frame_that_does_not_come_is_late():
    with pytest.raises(Late):
        received(b"\0\0", close=False, seconds=0.05)
    assert received(frame({"blobs": [1, 2]}, b"abc")).blobs == (b"a", b"bc")


def test_nobody_reads_is_late_and_nobody_there_is_gone():
    reads, writes = os.pipe()
    channel = Channel(reads=reads, writes=writes)
    with pytest.raises(Late):
        channel.send(bytes(1 << 20), time.monotonic() + 0.05)
    os.close(reads)
    with pytest.raises(Gone):
        channel.send(b"x", time.monotonic() + 5)
    os.close(writes)


@pytest.mark.parametrize("argv", [(), ("a\0b",)])
def test_an_unusable_command_is_a_value_error(argv):
    with pytest.raises(ValueError, match="argv"):
        encode(Command(argv=argv), {}, CAPS, {})


def test_requests_are_the_same_whatever_the_order_of_the_overlay():
    one = encode(Command(argv=("a",)), {"x": b"1", "a": None, "b": b"2"}, CAPS, {})
    other = encode(Command(argv=("a",)), {"b": b"2", "x": b"1", "a": None}, CAPS, {})
    assert one == other


def test_no_sandbox_is_a_refusal_that_says_why_for_each_and_what_to_type(tmp_path):
    def docker() -> Sandboxes:
        made = DockerSandboxes(base_url=f"unix://{tmp_path}/none.sock")
        made.check()
        return made

    def bubblewrap() -> Sandboxes:
        made = BubblewrapSandboxes(program="no-such-bwrap")
        made.check()
        return made

    with pytest.raises(SandboxUnavailable) as refusal:
        first_available({"docker": docker, "bubblewrap": bubblewrap})
    text = str(refusal.value)
    for part in (
        "docker:",
        "none.sock",
        "systemctl start docker",
        "bubblewrap:",
        "apt-get install bubblewrap",
    ):
        assert part in text


def test_a_daemon_elsewhere_is_refused():
    with pytest.raises(SandboxUnavailable, match="not on this machine"):
        DockerSandboxes(base_url="tcp://192.0.2.1:2375").check()


@pytest.mark.docker
def test_a_missing_image_is_refused_with_what_to_type():
    sandboxes = DockerSandboxes(image="codeagent-no-such-image:none")
    with pytest.raises(SandboxUnavailable, match=r"deploy/base-image\.sh"):
        sandboxes.check()
    sandboxes.close()


@pytest.mark.docker
@pytest.mark.bubblewrap
def test_docker_is_chosen_before_bubblewrap():
    chosen = choose("auto")
    assert isinstance(chosen, DockerSandboxes)
    chosen.close()
    assert isinstance(choose("bubblewrap"), BubblewrapSandboxes)


def test_version_two_groups_are_written_as_the_kernel_wants_them(tmp_path):
    """There is no machine with cgroup v2 controllers under these tests: only what is written is checked."""
    mounts = tmp_path / "mounts"
    unified = tmp_path / "unified"
    unified.mkdir()
    (unified / "cgroup.subtree_control").write_text("cpu memory")
    mounts.write_text(f"cgroup2 {unified} cgroup2 rw 0 0\nproc /proc proc rw 0 0\n")
    assert cgroups._mounted(mounts) == (unified, {})
    assert cgroups._delegate(unified)
    assert (unified / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    hierarchies = cgroups.Hierarchies(roots=dict.fromkeys(cgroups.CONTROLLERS, unified), version=2)
    group = hierarchies.make(cgroups.Caps(memory_bytes=1 << 20, processes=9, cpus=0.5))
    (directory,) = group.directories
    assert (
        hierarchies.make(cgroups.Caps(memory_bytes=1, processes=1, cpus=1)).directories != group.directories
    )
    assert {path.name: path.read_text() for path in directory.iterdir()} == {
        "memory.max": "1048576",
        "pids.max": "9",
        "cpu.max": "50000 100000",
    }
    (directory / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert group.memory_kills() == 2


def test_no_cgroups_is_a_machine_like_any_other(tmp_path):
    (tmp_path / "mounts").write_text("proc /proc proc rw 0 0\n")
    assert cgroups.find(tmp_path / "mounts") is None


def test_the_system_call_filter_is_made_for_known_processors_only():
    assert seccomp.program("riscv64") is None
    for machine in seccomp.PROCESSORS:
        program = seccomp.program(machine)
        assert program is not None
        assert len(program) % 8 == 0
    if platform.machine() in seccomp.PROCESSORS:
        assert seccomp.program() == seccomp.program(platform.machine())


def test_a_broken_down_runner_is_an_error_and_not_a_result():
    """Only the runner can write to its standard error; what it says there is no command's doing."""

    class Broken:
        def __init__(self) -> None:
            self._reads, far = os.pipe()
            near, self._writes = os.pipe()
            os.write(far, frame({"started": True, "blobs": []}))
            os.close(far)
            self._near = near
            self.channel = Channel(reads=self._reads, writes=self._writes)

        def kill(self) -> None: ...
        def mark(self) -> None: ...

        def close(self) -> None:
            for fd in (self._reads, self._writes, self._near):
                os.close(fd)

        def ran_out_of_memory(self) -> bool:
            return False

        def complaint(self) -> str:
            return "Traceback: a bug"

    with (
        Session(lambda _: Broken(), SandboxSpec(), {}) as session,
        pytest.raises(SandboxError, match="broke down: Traceback"),
    ):
        session.run(Command(argv=("x",)))
