"""``codeagent fix``: the same engine without GitHub. Reads a repository, writes into one directory, touches
nothing else."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from agent.protocols import Progress
from agent.run import Services, open_journal, repair
from agent.types import Asking, Budget, Outcome, Solved, Task, Unrunnable, Unsolved
from agent.workbench import Workbench
from bot.errors import BotError
from bot.git.checkout import Change, Checkout, Checkouts, Person
from bot.issue_text import IssueText
from bot.render import answers
from bot.render.parts import RunFacts
from bot.render.pull_request import commit_message, pull_request_body, pull_request_title
from bot.render.search_tree import search_tree
from sandbox.redact import Redactor

AUTHOR = Person(name="CodeAgent", email="codeagent@users.noreply.github.com")
COMMIT_DATE = 946_684_800  # 2000-01-01: the same run makes the same commit


ANSWER = "answer.md"


class OutputRefused(BotError):
    """The output directory cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What ``codeagent fix`` was asked for. ``out`` None: a directory named after the run, here."""

    repository: str
    issue: IssueText
    base: str | None = None
    test_command: tuple[str, ...] = ()
    number: int | None = None
    out: Path | None = None
    answer: str | None = None  # to the question that an earlier call ended with


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """``files`` are what was written, the most important first."""

    outcome: Outcome
    out: Path
    files: tuple[Path, ...]
    remarks: tuple[str, ...]


def fix(
    wanted: Wanted,
    services: Services,
    scratch: Path,
    *,
    budget: Budget,
    progress: Progress,
    checkouts: Checkouts | None = None,
    workbench: Callable[[Path], Workbench | None] = lambda _tree: None,
) -> Fixed:
    """Run the engine over a repository's commit. Called again after a kill, or with the answer to a question,
    it goes on where it was. ``workbench`` replaces how the tree's environment is made.

    Raises CheckoutError, OutputRefused, sandbox.SandboxUnavailable.
    """
    checkouts = checkouts or Checkouts()
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch, prefix="fix-")))
        work.chmod(0o755)  # sandboxes run under another user id
        progress("checkout", Redactor()(wanted.repository))
        checkout = checkouts.open_local(wanted.repository, wanted.base, work / "git")
        export = checkouts.export(checkout, work / "tree")
        task = _task(wanted, checkout)
        out = _output_directory(wanted, task)
        journal = stack.enter_context(open_journal(out / "journal.jsonl", run=run_id(task), task=task))
        outcome = repair(
            task,
            work / "tree",
            services,
            journal,
            budget=budget,
            progress=progress,
            workbench=workbench(work / "tree"),
            answers=lambda _question: wanted.answer,
        )
        (out / ANSWER).unlink(missing_ok=True)  # the question, say, that is answered now
        files = _write(outcome, wanted, task, checkout, checkouts, out)
        return Fixed(outcome=outcome, out=out, files=files, remarks=checkout.remarks + export.remarks)


def run_id(task: Task) -> str:
    """The same question about the same commit is the same run."""
    question = f"{task.repository}\0{task.base}\0{task.title}\0{task.text}\0{task.test_command}"
    return hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _task(wanted: Wanted, checkout: Checkout) -> Task:
    return Task(
        repository=wanted.repository,
        base=checkout.commit,
        title=wanted.issue.title,
        text=wanted.issue.body,
        number=wanted.number,
        test_command=wanted.test_command,
    )


def _output_directory(wanted: Wanted, task: Task) -> Path:
    out = wanted.out or Path(f"codeagent-{run_id(task)}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        strangers = [item.name for item in out.iterdir()] if not (out / "journal.jsonl").exists() else []
    except OSError as error:
        raise OutputRefused(
            f"{out} cannot be written: {error.strerror}; name another directory with --out."
        ) from error
    if strangers:
        raise OutputRefused(
            f"{out} is not empty and holds no earlier run; name an empty or new directory with --out."
        )
    return out


def _write(
    outcome: Outcome, wanted: Wanted, task: Task, checkout: Checkout, checkouts: Checkouts, out: Path
) -> tuple[Path, ...]:
    facts = RunFacts(
        repository=task.repository,
        issue=task.number or 0,
        title=task.title,
        label="codeagent",
        sender="",
        base_branch=wanted.base or "HEAD",
        base_sha=task.base,
        run_id=run_id(task),
    )
    match outcome:
        case Solved():
            return _write_solved(outcome, facts, checkout, checkouts, out)
        case Unsolved():
            return (_text(out / ANSWER, answers.unsolved(facts, outcome)),)
        case Asking():
            return (_text(out / ANSWER, answers.asking(facts, outcome)),)
        case Unrunnable():
            return (_text(out / ANSWER, answers.unrunnable(facts, outcome)),)
        case _:
            assert_never(outcome)


def _write_solved(
    solved: Solved, facts: RunFacts, checkout: Checkout, checkouts: Checkouts, out: Path
) -> tuple[Path, ...]:
    tests = {test.path: test.content.encode() for test in solved.tests}
    change = Change(
        files={**solved.patch.overlay, **tests},
        message=commit_message(facts, solved),
        author=AUTHOR,
        committer=AUTHOR,
        date=COMMIT_DATE,
    )
    patch = out / "fix.patch"
    patch.write_bytes(checkouts.diff(checkout, checkouts.commit(checkout, change)))
    title = f"# {pull_request_title(facts)}\n\n"
    body = pull_request_body(facts, solved, search_tree(out / "journal.jsonl"))
    written = [patch, _text(out / "pull-request.md", title + body)]
    shutil.rmtree(out / "tests", ignore_errors=True)
    for path, content in tests.items():
        target = out / "tests" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written.append(target)
    return tuple(written)


def _text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
