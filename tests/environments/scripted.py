"""A sandbox whose answers are written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sandbox import EMPTY, Command, Completed, Network, Overlay, Sandbox, SandboxSpec


def completed(
    status: int | None = 0, out: str = "", err: str = "", collected: Mapping[str, bytes] | None = None
) -> Completed:
    return Completed(
        exit_status=status,
        stopped_by=None,
        stdout=out.encode(),
        stderr=err.encode(),
        seconds=0.0,
        collected=collected or {},
    )


@dataclass
class ScriptedSandboxes:
    """Satisfies Sandboxes: every command is answered by a function and written down."""

    answer: Callable[[Command, Overlay], Completed]
    name: str = "scripted"
    python: str = "/usr/bin/python3"
    identity: str = "scripted:1"
    commands: list[Command] = field(default_factory=list)
    overlays: list[Overlay] = field(default_factory=list)
    specs: list[SandboxSpec] = field(default_factory=list)
    ran: list[tuple[Network, Command]] = field(default_factory=list)

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        self.specs.append(spec)

        @contextmanager
        def opened() -> Iterator[Sandbox]:
            yield ScriptedSandbox(self, spec)

        return opened()

    def argvs_by_network(self, network: Network) -> list[tuple[str, ...]]:
        return [command.argv for reached, command in self.ran if reached is network]

    @property
    def installs(self) -> list[tuple[str, ...]]:
        """What pip was asked to install, without its flags."""
        return [
            _wanted(command.argv)
            for command in self.commands
            if command.argv[1:4] == ("-m", "pip", "install")
        ]


def _wanted(argv: tuple[str, ...]) -> tuple[str, ...]:
    words = list(argv[4:])
    for flag, arguments in (("--progress-bar", 1), ("--constraint", 1)):
        if flag in words:
            at = words.index(flag)
            del words[at : at + 1 + arguments]
    return tuple(word for word in words if not word.startswith("--") or word == "--no-deps")


@dataclass
class ScriptedSandbox:
    sandboxes: ScriptedSandboxes
    spec: SandboxSpec

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:
        self.sandboxes.commands.append(command)
        self.sandboxes.ran.append((self.spec.network, command))
        self.sandboxes.overlays.append(overlay)
        return self.sandboxes.answer(command, overlay)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
