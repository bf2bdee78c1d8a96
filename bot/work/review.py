"""What a reviewer wrote on a pull request of ours, up to a commit or an explanation in its thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from agent.errors import Cancelled
from agent.method import Driver
from agent.source import HostTree
from agent.types import Asking, Outcome, Patch, Review, Solved, StopReason, Task, Unrunnable, Unsolved
from bot.forge import Conclusion, PullRequest
from bot.queue import Ending, JobFailed, JobResult
from bot.render import review_answers
from bot.repo_config import RepoConfig
from bot.review.asked import Asked, Chatter, Questioned, Stated, Suggested, Wished, asked
from bot.review.branch import undo
from bot.review.rounds import read_rounds
from bot.review.suggestion import Unfit, applied
from bot.run import Run, Stopped
from bot.work.budget import within_budget
from bot.work.configured import declared, silent
from bot.work.parts import (
    JOURNAL,
    MAY_ASK,
    check_out,
    config_protects,
    repair,
)
from bot.work.publish import LeftAlone, publish
from bot.work.review_desk import Desk
from bot.work.review_journal import context, told

LIMIT: Final = 10
"""Comments that are answered on one pull request when nobody says otherwise (``review.limit``)."""

TAKES: Final = 2
"""How often the work is begun again because somebody pushed meanwhile, the first time included."""

ALTERNATIVES: Final = "The comment has {count} suggestions for the same lines; I took the first."


def answer_review(run: Run) -> JobResult:
    """The work of a job of the kind REVIEW. Every step may be repeated after a kill."""
    if run.request.note is None:
        raise JobFailed("a review job without a comment")
    desk = Desk(run=run, note=run.request.note)
    if (refused := _not_allowed(desk)) is not None:
        return refused
    pull = desk.pull("at first")
    if pull is None or not pull.open:
        return run.ended(Ending.REFUSED, "the pull request is not open")
    if why := desk.not_ours(pull):
        return run.ended(Ending.REFUSED, why)
    wish = asked(run.request.body)
    if isinstance(wish, Chatter):
        return run.ended(Ending.ANSWERED, "nothing is asked for")
    if not isinstance(wish, Stated) and desk.has_notes():
        return run.ended(Ending.ANSWERED, "the comments of this review are answered one by one")
    base = run.effect("github.default_branch", {}, run.default_branch)
    if not base:
        return run.ended(Ending.UNRUNNABLE, "no default branch")
    config = declared(run.based_on(str(base["name"]), str(base["sha"])))
    if isinstance(config, JobResult):
        return config
    desk = desk.based_on(pull)
    if (full := _full(desk, config, pull)) is not None:
        return full
    try:
        return _answer(desk, config, pull, wish)
    except (Cancelled, Stopped):
        run.obey(interruption_only=True)
        return _close(desk, Ending.CANCELLED, "cancelled", review_answers.cancelled(desk.facts))


def _not_allowed(desk: Desk) -> JobResult | None:
    run = desk.run
    for login in (run.request.sender, *run.request.actors):
        role = run.permission(login)
        if role not in MAY_ASK:
            if run.ports.answer_refused and not silent(run):
                desk.answer(review_answers.refused(desk.facts, role))
            return run.ended(Ending.REFUSED, f"{login} has the role {role!r} and may not ask")
    return None


def _full(desk: Desk, config: RepoConfig, pull: PullRequest) -> JobResult | None:
    """How the job ends when the pull request has had its share of answers."""
    limit = LIMIT if config.review.limit is None else config.review.limit
    others = [each for each in read_rounds(pull.body) if each.key != desk.key]
    if len(others) < limit:
        return None
    desk.answer(review_answers.enough(desk.facts, limit))
    return desk.run.ended(Ending.REFUSED, f"{limit} comments were answered on this pull request")


def _answer(desk: Desk, config: RepoConfig, pull: PullRequest, wish: Asked) -> JobResult:
    match wish:
        case Questioned():
            return _explain(desk, pull, wished=False)
        case Wished() if config.driver in (None, Driver.BUILT_IN):
            return _explain(desk, pull, wished=True)
        case Suggested() | Stated() | Wished():
            return _rework(desk, config, pull, wish)
        case Chatter():
            raise AssertionError("was ended before")
        case never:
            assert_never(never)


# --- A commit -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """Somebody pushed meanwhile: where the pull request is now."""

    pull: PullRequest | None


def _rework(
    desk: Desk, config: RepoConfig, pull: PullRequest, wish: Suggested | Stated | Wished
) -> JobResult:
    within = within_budget(desk.run, config)
    if isinstance(within, JobResult):
        return within
    for take in range(1, TAKES + 1):
        result = _take(desk.based_on(pull), within, pull, wish, take)
        if isinstance(result, JobResult):
            return result
        if result.pull is None or not result.pull.open:
            return desk.run.ended(Ending.HELD_BACK, "the pull request was closed meanwhile")
        pull = result.pull
    desk = desk.based_on(pull)
    return _close(desk, Ending.HELD_BACK, "held back", review_answers.moved(desk.facts))


def _take(
    desk: Desk, config: RepoConfig, pull: PullRequest, wish: Suggested | Stated | Wished, take: int
) -> JobResult | _Moved:
    run = desk.run
    run.obey()
    desk.working()
    origin = run.based_on(pull.base, desk.origin(pull))
    head, before = check_out(run), check_out(origin)
    run.obey()
    proposal = _proposal(desk, wish, HostTree(head), pull) if isinstance(wish, Suggested) else Patch()
    if isinstance(proposal, Unfit):
        return _close(
            desk, Ending.UNSOLVED, "not applied", review_answers.not_applied(desk.facts, proposal.reason)
        )
    review = Review(undo=undo(before, head), proposal=proposal)
    task = Task(
        repository=run.request.repository,
        base=pull.head_sha,
        title=f"review {desk.key}",
        text=run.request.body,
        test_command=config.test_command,
        said=context(desk, pull),
        review=review,
    )
    outcome = repair(run, config, head, task, live=desk.live, name=_journal(take))
    run.obey()
    if not isinstance(outcome, Solved):
        return _without_commit(desk, outcome)
    return _publish(desk, config, pull, wish, outcome, take)


def _journal(take: int) -> str:
    return JOURNAL if take == 1 else f"take-{take}-{JOURNAL}"


def _proposal(desk: Desk, wish: Suggested, head: HostTree, pull: PullRequest) -> Patch | Unfit:
    note = desk.note
    content = head.read(note.path) if note.path else None
    if content is None:
        return Unfit(reason="The file that the comment is about is not there, or no file.")
    new = applied(content, note, wish.texts[0], same_head=note.head_sha == pull.head_sha)
    return new if isinstance(new, Unfit) else Patch().with_file(note.path, new)


def _without_commit(desk: Desk, outcome: Outcome) -> JobResult:
    facts = desk.facts
    match outcome:
        case Unsolved(stop=StopReason.CANCELLED):
            raise Cancelled
        case Unsolved(refused=proof) if proof is not None:
            answer = review_answers.gates_refused(facts, outcome, proof)
            return _close(desk, Ending.UNSOLVED, "a check refused it", answer, outcome)
        case Unsolved():
            answer = review_answers.unsolved(facts, outcome)
            return _close(desk, Ending.UNSOLVED, outcome.stop.value, answer, outcome)
        case Asking():
            answer = review_answers.asking(facts, outcome)
            return _close(desk, Ending.UNSOLVED, "a question", answer, outcome)
        case Unrunnable():
            answer = review_answers.unrunnable(facts, outcome)
            return _close(desk, Ending.UNRUNNABLE, "cannot be run", answer, outcome)
        case Solved():
            raise AssertionError("is published")
        case never:
            assert_never(never)


def _publish(
    desk: Desk,
    config: RepoConfig,
    pull: PullRequest,
    wish: Suggested | Stated | Wished,
    outcome: Solved,
    take: int,
) -> JobResult | _Moved:
    run, suggested = desk.run, isinstance(wish, Suggested)
    made = {} if suggested else {test.path: test.content.encode() for test in outcome.tests}
    files = {**outcome.patch.overlay, **made}
    if touched := config_protects(config, files):
        return _close(
            desk, Ending.HELD_BACK, "protected", review_answers.protected(desk.facts, touched), outcome
        )
    now = desk.pull(f"before publishing, take {take}")
    if now is None or not now.open or now.head_sha != pull.head_sha:
        return _Moved(pull=now)
    done = publish(
        run,
        pull.head,
        parent=pull.head_sha,
        files=files,
        message=review_answers.commit_message(desk.facts, outcome, _subject(desk, suggested)),
        expected=pull.head_sha,
        ours=False,
    )
    if isinstance(done, LeftAlone):
        return _Moved(pull=desk.pull(f"after take {take}"))
    count = len(wish.texts) if isinstance(wish, Suggested) else 1
    remark = ALTERNATIVES.format(count=count) if count > 1 else ""
    answer = review_answers.committed(desk.facts, outcome, done.sha, remark)
    desk.answer(answer)
    desk.resolve()
    proof = review_answers.proof_in_short(outcome.proof)
    desk.enter(
        "suggestion applied" if suggested else "changed", sha=done.sha, proof=proof, spend=outcome.spend
    )
    desk.worked("Done", answer, Conclusion.SUCCESS)
    return run.ended(Ending.SOLVED, f"{_subject(desk, suggested)}: {done.sha}", pull.url)


def _subject(desk: Desk, suggested: bool) -> str:
    where = f" for {desk.note.path}" if desk.note.path else ""
    return f"Apply a suggestion{where}" if suggested else f"Rework after review{where}"


def _close(desk: Desk, ending: Ending, title: str, answer: str, outcome: Outcome | None = None) -> JobResult:
    """Without a commit: the thread stays open."""
    desk.answer(answer)
    desk.enter(title, spend=outcome.spend if outcome is not None else None)
    conclusion = Conclusion.CANCELLED if ending is Ending.CANCELLED else Conclusion.NEUTRAL
    desk.worked(title.capitalize(), answer, conclusion)
    return desk.run.ended(ending, title)


# --- An explanation -----------------------------------------------------------------------------------------


def _explain(desk: Desk, pull: PullRequest, *, wished: bool) -> JobResult:
    answer = review_answers.explained(desk.facts, told(desk, pull), pull.body, wished)
    desk.answer(answer)
    desk.enter("explained")
    return desk.run.ended(Ending.ANSWERED, "explained", pull.url)
