"""A fork server: the program of a warm interpreter. Runs as ``python -c <this text> FD MODULE...``.

It imports the modules once and then forks for every command. A child must not be distinguishable, by what it
does, from ``python -m module`` started anew: hence the care for arguments, paths, streams, signals and random
state, and hence as few imports as possible. It is started while the workspace holds directories only, so no
code of the repository can be imported into it.

Whatever it cannot promise makes it report itself unfit; commands are then started cold.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # of typing, which is not to be imported here
if TYPE_CHECKING:
    import _socket
    import types

    Request = tuple[list[str], dict[str, str]]

_AT_START = frozenset(name.partition(".")[0] for name in sys.modules)


def _protect(dumpable: int) -> bool:
    """Not dumpable: a command cannot trace or read the process that later commands are forked from."""
    import ctypes

    return bool(ctypes.CDLL(None).prctl(4, dumpable, 0, 0, 0) == 0)


def _import(modules: list[str], workspace: str) -> str:
    """Import from the environment and the standard library alone. Says what went wrong."""
    import importlib

    path = list(sys.path)
    sys.path[:] = [entry for entry in path if entry.startswith("/") and not _below(entry, workspace)]
    try:
        for name in modules:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                continue
    except BaseException as error:  # noqa: BLE001 - reported; a cold start will show it
        return f"importing {name}: {error!r}"
    finally:
        sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if _below(getattr(module, "__file__", None) or "", workspace):
            return f"{name} was imported from the workspace"
    return ""


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + "/")


def _tasks() -> int:
    import os

    return len(os.listdir("/proc/self/task"))


def _report(connection: _socket.socket, problem: str, workspace: str) -> None:
    """What the runner must know: fitness, names that no file of the tree may shadow, paths into the tree."""
    import marshal

    loaded = sorted({name.partition(".")[0] for name in sys.modules} - _AT_START - {"__main__"})
    inner = [entry for entry in sys.path if _below(entry, workspace)]
    message = marshal.dumps((problem, loaded, inner), 2)
    connection.sendall(len(message).to_bytes(4, "big") + message)


def _receive(connection: _socket.socket) -> tuple[Request, list[int]] | None:
    """One request and the command's standard streams, or None at the end."""
    import _socket
    import marshal

    head, ancillary, _, _ = connection.recvmsg(4, _socket.CMSG_SPACE(12))
    if len(head) < 4:
        return None
    streams = [
        int.from_bytes(data[at : at + 4], sys.byteorder)
        for level, kind, data in ancillary
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)
        for at in range(0, len(data), 4)
    ]
    rest, size = b"", int.from_bytes(head, "big")
    while len(rest) < size:
        part = connection.recv(size - len(rest))
        if not part:
            return None
        rest += part
    return marshal.loads(rest), streams


def _serve(connection: _socket.socket) -> tuple[Request, list[int]]:
    """Fork for every request. Returns only in a child, with what it shall run; the server ends here."""
    import os

    while True:
        received = _receive(connection)
        if received is None:
            os._exit(0)
        request, streams = received
        pid = os.fork()
        if pid == 0:
            connection.close()
            return request, streams
        for fd in streams:
            os.close(fd)
        _, status = os.waitpid(pid, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def _become(request: Request, streams: list[int], workspace: str) -> str:
    """Be the process that the command would have got: session, streams, environment, paths, arguments."""
    import importlib
    import os
    import time

    os.setsid()
    for target, fd in enumerate(streams):
        os.dup2(fd, target)
        os.close(fd)
    _protect(1)
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as stream:
        stream.write(b"500")  # before the runner, see sandbox.inside.processes
    argv, environment = request
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    time.tzset()
    os.chdir(workspace)
    sys.path[0] = workspace  # was "", from -c
    for entry in [entry for entry, finder in sys.path_importer_cache.items() if finder is None]:
        del sys.path_importer_cache[entry]
    importlib.invalidate_caches()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()  # else every child would draw the same numbers
    sys.argv = ["-m", *argv[3:]]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = list(argv)
    return argv[2]


def _command(workspace: str) -> str:
    """The whole life of a server; in a child, the name of the module to run."""
    import _socket
    import gc

    connection = _socket.socket(fileno=int(sys.argv[1]))
    problem = "" if _protect(0) else "it cannot be protected"
    problem = problem or _import(sys.argv[2:], workspace)
    if not problem and getattr(sys.flags, "safe_path", False):
        problem = "PYTHONSAFEPATH is set"
    if not problem and _tasks() > 1:
        problem = "a module started a thread"
    gc.collect()
    for stream in (sys.stdout, sys.stderr):  # the runner looks whether anything was printed
        stream.flush()
    _report(connection, problem, workspace)
    request, streams = _serve(connection)
    return _become(request, streams, workspace)


def _as_main(module: str) -> None:
    """``python -m``, down to its traceback and exit status."""
    import runpy
    import types

    kept = sys.modules["__main__"]  # this very code lives in it
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    if "__annotations__" in kept.__dict__:  # as the interpreter makes it, until 3.13
        main.__annotations__ = {}
    try:
        runpy._run_module_as_main(module)  # type: ignore[attr-defined]
    except BaseException as error:
        _hide_this_frame(error)
        raise
    finally:
        del kept


def _hide_this_frame(error: BaseException) -> None:
    """An exception that ends the command is shown as of ``runpy`` on, as it would be without this program."""
    shown = error.__traceback__ and error.__traceback__.tb_next
    hook = sys.excepthook

    def trimmed(kind: type[BaseException], value: BaseException, trace: types.TracebackType | None) -> None:
        if value is error:
            value.__traceback__ = trace = shown
        hook(kind, value, trace)

    sys.excepthook = trimmed


if __name__ == "__main__":
    _as_main(_command("/workspace"))
