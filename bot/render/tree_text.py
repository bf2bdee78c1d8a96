"""A run's tree for a terminal. Whatever comes from the journal is redacted and made visible before it is
printed: no escape sequence, no hidden character and no markup of a stranger's reaches the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from agent.show.model import NodeView, RunView, TestView, TransitionView
from agent.show.picture import Picture, picture
from bot.render.tree_words import status, told, totals
from bot.sanitize import one_line
from sandbox.redact import Redactor

SHOWN = 120  # states; ``--all`` shows every one
DEEPEST = 200  # levels that a terminal is wide enough for, and then some
TRIED = 10  # proposals that led nowhere, per state


class TerminalTree:
    """Draws a run. ``redact`` takes out what is secret."""

    def __init__(self, run: RunView, *, everything: bool, redact: Callable[[str], str] | None = None) -> None:
        self._run = run
        self._everything = everything
        self._redact = redact or Redactor()

    def __rich__(self) -> RenderableType:
        return Group(*self._head(), self._tree(), Text(), self._spent(), Text(totals(self._run)))

    def _head(self) -> Iterator[Text]:
        run, colour = self._run, "green" if self._run.chosen else "yellow"
        yield Text(self._line(run.task.title or run.run, 200), style="bold")
        yield Text(f"{self._line(run.task.repository)} at {self._line(run.task.base, 12)}")
        yield Text(self._line(status(run), 600), style=colour)
        for remark in run.remarks:
            yield Text(self._line(remark, 400), style="red")
        for name, value in run.settings.items():
            yield Text(f"{self._line(name)}: {self._line(value)}", style="dim")

    def _tree(self) -> Tree:
        drawn = picture(self._run, len(self._run.nodes) if self._everything else SHOWN)
        root = Tree(self._state(self._run.nodes[0], drawn), guide_style="dim")
        branches = {0: root}
        self._below(root, self._run.nodes[0], drawn)
        for node in drawn.nodes:
            above = branches.get(node.parent) if node.parent is not None else None
            if above is not None and node.depth <= DEEPEST:
                guide = "bold blue" if node.id in drawn.path else "dim"
                branches[node.id] = above.add(self._state(node, drawn), guide_style=guide)
                self._below(branches[node.id], node, drawn)
        return root

    def _state(self, node: NodeView, drawn: Picture) -> Text:
        on_path = node.id in drawn.path
        text = Text("● " if on_path else "○ ", style="bold blue" if on_path else "")
        text.append(f"{node.id} ", style="bold")
        text.append(f"{self._line(node.digest, 8)}  ", style="dim")
        if node.arrived is None:
            text.append("base commit")
        else:
            self._action(text, node.arrived)
        if node.results is not None:
            good = node.results.generated.failures == 0 and not node.results.regressions
            text.append(f"  {told(node.results)}", style="green" if good else "red")
        if node.id == (self._run.chosen or (None,))[-1]:
            text.append("  ← solution", style="bold green")
        return text

    def _action(self, text: Text, step: TransitionView) -> None:
        action = step.action
        text.append(f"{self._line(action.skill, 20)}: ", style="cyan")
        text.append(self._line(action.summary or action.id, 160))
        if action.score is not None:
            source = self._line(action.score_source, 40) or "source not recorded"
            text.append(f"  [{action.score:.3f} by {source}]", style="dim")

    def _below(self, branch: Tree, node: NodeView, drawn: Picture) -> None:
        """What belongs to a state and is none: its new tests, decision, feedback, gates, proposals, the
        rest."""
        for test in node.arrived.tests if node.arrived is not None else ():
            branch.add(self._triangle(test))
        if self._everything or node.id in drawn.path:
            self._details(branch, node)
        for step in node.tried[: None if self._everything else TRIED]:
            branch.add(self._nowhere(step))
        rest = drawn.rest.get(node.id)
        if rest is not None and (rest.states or len(node.tried) > TRIED):
            branch.add(Text(f"… {self._line(str(rest))}", style="dim"))

    def _triangle(self, test: TestView) -> Text:
        return Text(f"△ {self._line(test.path)} ({self._line(test.role, 20)}): {self._line(test.verifies)}")

    def _details(self, branch: Tree, node: NodeView) -> None:
        step = node.arrived
        if step is not None:
            used = "use" if step.use else "continue" if step.use is not None else "not recorded"
            branch.add(Text(f"decision: {used}, {self._line(step.reason)}", style="dim"))
        for note in node.notes[:5]:
            branch.add(Text(f"feedback ({self._line(note.kind, 20)}): {self._line(note.text, 300)}"))
        if node.descend is not None:
            word = "deeper" if node.descend else "back"
            branch.add(Text(f"{word}: {self._line(node.descend_reason)}", style="dim"))
        for gate in node.gates:
            word, style = ("passed", "green") if gate.passed else ("refused", "bold red")
            branch.add(
                Text(f"gate {word}: {self._line(gate.name, 60)}, {self._line(gate.explanation)}", style=style)
            )

    def _nowhere(self, step: TransitionView) -> Text:
        text = Text(f"✗ {self._line(step.effect, 20)}: ", style="dim")
        self._action(text, step)
        why = step.remark or ("" if step.use else step.reason)
        return text.append(f"  {self._line(why)}" if why else "", style="dim")

    def _spent(self) -> Table:
        table = Table(box=None, pad_edge=False, title_justify="left")
        for heading in ("phase", "runs", "seconds", "model calls", "tokens", "US dollars"):
            table.add_column(heading, justify="left" if heading == "phase" else "right")
        for phase in self._run.phases:
            table.add_row(
                Text(self._line(phase.name, 60)),
                str(phase.runs),
                f"{phase.seconds:.1f}",
                str(phase.model_calls),
                str(phase.tokens),
                f"{phase.money:.4f}",
            )
        return table

    def _line(self, text: str, limit: int = 200) -> str:
        return one_line(self._redact(text), limit)
