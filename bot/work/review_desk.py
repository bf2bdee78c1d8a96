"""Where a reviewer is answered: the pull request, the thread, the record in the description. Every effect is
journaled and looks for what a killed one made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Final

import structlog

from agent.protocols import JsonObject
from agent.types import Spend
from bot.errors import ForgeRefused
from bot.forge import CheckRun, Conclusion, Forge, NewPullRequest, PullRequest
from bot.names import OWN_BRANCHES, external_id
from bot.progress import LiveProgress
from bot.queue import ReviewNote
from bot.render import review_answers
from bot.render.parts import RunFacts
from bot.review.rounds import Round, marker_of, with_round
from bot.run import Run

log = structlog.get_logger("bot.review")

PULL: Final = "github.pull"
"""The effect that begins the work: whoever asked was allowed to."""

ANSWER: Final = "github.review_answer"


def key_of(note: ReviewNote) -> str:
    """Names what is answered, in markers and in the record."""
    return f"c{note.comment}" if note.comment else f"r{note.review}"


def reply(forge: Forge, note: ReviewNote, body: str) -> str:
    """Create or edit the one answer to a comment, in its thread; to a whole review it is a comment."""
    marker = f"<!-- codeagent:answer {key_of(note)} -->"
    if note.comment:
        return forge.answer_thread(note.pull, note.thread or note.comment, marker, body)
    return forge.upsert_comment(note.pull, marker, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One comment of a reviewer, or one review's text, and what is done about it."""

    run: Run
    note: ReviewNote

    @property
    def key(self) -> str:
        return key_of(self.note)

    @property
    def facts(self) -> RunFacts:
        return self.run.facts

    # --- the pull request ---

    def pull(self, when: str) -> PullRequest | None:
        """As it is at a certain point of the work; the same whenever the run is resumed."""
        asked: JsonObject = {"number": self.note.pull, "when": when}
        found = self.run.effect(PULL, asked, lambda: _packed(self.run.forge.pull_request(self.note.pull)))
        return _unpacked(found)

    def not_ours(self, pull: PullRequest) -> str:
        """Why a pull request is none of this program's; empty when it is. That the App opened it was seen
        where the comment came in (``bot.triggers``); who opened it never changes."""
        if not marker_of(pull.body) or not pull.head.startswith(OWN_BRANCHES):
            return "this pull request does not carry the mark of mine"
        if pull.head_repository != self.run.request.repository:
            return "its branch lies in another repository"
        return ""

    def origin(self, pull: PullRequest) -> str:
        """The commit where its branch began."""
        asked: JsonObject = {"base": pull.base, "head": pull.head_sha}
        return self.run.ask(
            "github.merge_base", asked, lambda: self.run.forge.merge_base(pull.base, pull.head_sha)
        )

    def has_notes(self) -> bool:
        """Whether this is the text of a review that has comments beside the code: they say what is meant."""
        note = self.note
        if note.comment:
            return False
        found = self.run.effect(
            "github.review_notes",
            {"review": note.review},
            lambda: {"count": len(self.run.forge.review_notes(note.pull, note.review))},
        )
        return bool(found["count"])

    # --- telling ---

    def answer(self, body: str) -> str:
        """One reply per comment, edited if it is there; to a whole review, one comment."""
        body = self.run.text(body)
        asked: JsonObject = {"pull": self.note.pull, "key": self.key, "body": body}
        return self.run.ask(ANSWER, asked, lambda: reply(self.run.forge, self.note, body))

    def resolve(self) -> None:
        """What was asked for is done. GitHub may refuse; the answer stands there all the same."""
        if self.note.comment:
            thread = self.note.thread or self.note.comment
            self.run.effect(
                "github.resolve_thread",
                {"thread": thread},
                lambda: {"resolved": self.run.forge.resolve_thread(self.note.pull, thread)},
            )

    def enter(self, did: str, *, sha: str = "", proof: str = "", spend: Spend | None = None) -> None:
        """A row in the description; what stands there otherwise is left as it is."""
        row = Round(
            key=self.key,
            who=self.run.request.sender,
            did=did,
            sha=sha,
            proof=proof,
            seconds=round(spend.seconds, 1) if spend else 0.0,
            money=round(spend.money, 6) if spend else 0.0,
            run=self.facts.run_id,
        )
        self.run.effect("github.review_row", asdict(row), lambda: {"written": self._write(row)})

    def _write(self, row: Round) -> bool:
        """False: it was closed meanwhile, and nothing is to be opened for a row; or GitHub will not have it,
        which undoes neither commit nor answer."""
        now = self.run.forge.pull_request(self.note.pull)
        if now is None or not now.open or self.not_ours(now):
            return False
        url = self.run.ports.run_url("{run}")
        try:
            self.run.forge.upsert_pull_request(
                NewPullRequest(
                    head=now.head,
                    base=now.base,
                    title=now.title,
                    body=self.run.text(with_round(now.body, row, url)),
                    marker=marker_of(now.body),
                    labels=(),
                )
            )
        except ForgeRefused as error:
            log.warning("a review could not be entered", pull=self.note.pull, reason=str(error))
            return False
        return True

    # --- the check run on the head ---

    def working(self) -> None:
        self.run.check(self._working("starting", ""))

    def worked(self, title: str, answer: str, conclusion: Conclusion) -> None:
        self.run.check(review_answers.worked(self.facts, self._check, title, answer, conclusion))

    def live(self, live: Callable[[], bool]) -> LiveProgress:
        def show(phase: str, detail: str) -> None:
            self.run.forge.upsert_check_run(self.run.redacted(self._working(phase, detail)))

        return LiveProgress((show,), self.run.ports.clock, live=live)

    def _working(self, phase: str, detail: str) -> CheckRun:
        return review_answers.working(self.facts, self._check, phase, detail)

    @property
    def _check(self) -> str:
        """By which its Stop button finds the job."""
        return external_id(self.run.request.subject)

    def based_on(self, pull: PullRequest) -> Desk:
        return replace(self, run=self.run.based_on(pull.base, pull.head_sha))


def _packed(pull: PullRequest | None) -> JsonObject:
    return {} if pull is None else {**asdict(pull), "labels": list(pull.labels)}


def _unpacked(found: JsonObject) -> PullRequest | None:
    if not found:
        return None
    values: dict[str, object] = {**found, "labels": tuple(map(str, found["labels"] or ()))}  # type: ignore[arg-type]
    return PullRequest(**values)  # type: ignore[arg-type] # as asdict wrote it
