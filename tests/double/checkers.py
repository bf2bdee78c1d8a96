"""What other Apps, workflows and reviewers do, and the deliveries that follow. Part of ``GitHubDouble``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.double import payloads
from tests.double.auth import key_pair
from tests.double.endpoints.checks import new_check_run
from tests.double.endpoints.issues import repository_label
from tests.double.endpoints.pulls import new_review, new_review_comment, open_pull
from tests.double.people import People
from tests.double.state import (
    App,
    CheckRun,
    Delivery,
    Job,
    Repository,
    Review,
    ReviewComment,
    User,
    WorkflowRun,
)

ACTIONS = "github-actions"


class Checkers(People):
    def other_app(self, slug: str = ACTIONS) -> App:
        """An App that is not ours and asks for nothing here."""
        with self.world.lock:
            found = self.world.others.get(slug)
            if found is None:
                number = self.world.id()
                found = self.world.others[slug] = App(
                    id=number,
                    slug=slug,
                    name=slug.replace("-", " ").title(),
                    client_id=f"Iv1.{number:016x}",
                    public_key=key_pair(0)[1],
                    webhook_secret="",
                    webhook_url=None,
                    permissions={"checks": "write"},
                    events=(),
                    owner=self.world.user("github"),
                    bot=self.world.user(f"{slug}[bot]", kind="Bot"),
                    created=self.world.clock.now(),
                )
            return found

    # -- checks -------------------------------------------------------------------------------------------

    def complete_check(
        self,
        full_name: str,
        sha: str,
        name: str,
        *,
        conclusion: str = "failure",
        app: str = ACTIONS,
        summary: str | None = None,
    ) -> CheckRun:
        """State only: a check run of another App is over."""
        with self.world.lock:
            repository = self.repository(full_name)
            run = new_check_run(self.world, repository, self.other_app(app), name, sha, conclusion)
            run.title, run.summary = name, summary
            return run

    def run_workflow(
        self,
        full_name: str,
        branch: str,
        jobs: Mapping[str, str | bytes | None],
        *,
        name: str = "CI",
        conclusion: str = "failure",
        event: str = "push",
        actor: str = "alice",
        failed_steps: Sequence[str] = ("Run tests",),
    ) -> WorkflowRun:
        """State only: a workflow ran on a branch's tip; ``jobs``: name → log (None: gone). All end alike."""
        with self.world.lock:
            repository = self.repository(full_name)
            sha = repository.git.tip(branch)
            assert sha is not None, f"{full_name} has no branch {branch}"
            checks = [self.complete_check(full_name, sha, each, conclusion=conclusion) for each in jobs]
            steps = (("Set up job", "success"), *((step, conclusion) for step in failed_steps))
            run = WorkflowRun(
                id=self.world.id(),
                suite=checks[0].suite if checks else self.world.id(),
                name=name,
                branch=branch,
                head_sha=sha,
                event=event,
                conclusion=conclusion,
                actor=self.world.user(actor),
                created=self.world.clock.now(),
                jobs=[
                    Job(
                        id=check.id,
                        name=check.name,
                        conclusion=conclusion,
                        steps=steps,
                        log=log.encode() if isinstance(log, str) else log,
                    )
                    for check, log in zip(checks, jobs.values(), strict=True)
                ],
            )
            repository.workflow_runs.append(run)
            return run

    def deliver_check_run(
        self,
        full_name: str,
        run: CheckRun,
        action: str = "completed",
        *,
        actor: str = "alice",
        button: str | None = None,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        """``button``: identifier of a custom button that ``actor`` pressed."""
        action = action if button is None else "requested_action"
        with self.world.lock:
            repository, user = self.repository(full_name), self.world.user(actor)
            branch, installation = _branch_at(repository, run.head_sha), self._installation(repository)
            payload = payloads.check_run(
                self.shapes, repository, action, run, branch, user, installation, button
            )
        return self.deliver("check_run", payload, to, guid)

    def deliver_check_suite(
        self,
        full_name: str,
        run: CheckRun,
        action: str = "completed",
        *,
        actor: str = "alice",
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        with self.world.lock:
            repository, user = self.repository(full_name), self.world.user(actor)
            branch, installation = _branch_at(repository, run.head_sha), self._installation(repository)
            payload = payloads.check_suite(self.shapes, repository, action, run, branch, user, installation)
        return self.deliver("check_suite", payload, to, guid)

    def deliver_workflow_run(
        self,
        full_name: str,
        run: WorkflowRun,
        action: str = "completed",
        *,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        with self.world.lock:
            repository = self.repository(full_name)
            installation = self._installation(repository)
            payload = payloads.workflow_run(self.shapes, repository, action, run, installation)
        return self.deliver("workflow_run", payload, to, guid)

    # -- pull requests and reviews ------------------------------------------------------------------------

    def fork(self, full_name: str, owner: str) -> Repository:
        """State only: somebody's copy of a repository, named as it is."""
        with self.world.lock:
            parent = self.repository(full_name)
            forked = self.create_repository(
                f"{owner}/{parent.name}", source=parent.git.path, default_branch=parent.default_branch
            )
            forked.parent = parent
            forked.private = parent.private
            return forked

    def open_fork_pull(
        self, full_name: str, fork: str, head: str, base: str = "main", *, title: str = "A change"
    ) -> int:
        """State only: a pull request from a fork's branch, by the fork's owner."""
        with self.world.lock:
            forked = self.repository(fork)
            return open_pull(
                self.world,
                self.repository(full_name),
                title=title,
                body="",
                head=head,
                base=base,
                author=forked.owner,
                fork=forked,
            ).number

    def deliver_pull_request(
        self,
        full_name: str,
        number: int,
        action: str,
        *,
        label: str | None = None,
        actor: str = "alice",
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        """With ``label`` it is put on the pull request (or taken off, for "unlabeled") first."""
        with self.world.lock:
            repository, issue = self.repository(full_name), self.issue(full_name, number)
            named = None if label is None else repository_label(self.world, repository, label)
            if named is not None:
                rest = [each for each in issue.labels if each is not named]
                issue.labels = rest if action == "unlabeled" else [*rest, named]
            payload = payloads.pull_request(
                self.shapes,
                repository,
                action,
                issue,
                self.world.user(actor),
                self._installation(repository),
                named,
            )
        return self.deliver("pull_request", payload, to, guid)

    def comment_on_lines(
        self,
        full_name: str,
        number: int,
        body: str,
        *,
        path: str,
        line: int | None = None,
        start_line: int | None = None,
        hunk: str = "",
        author: str = "alice",
        reply_to: int | None = None,
        review: Review | None = None,
    ) -> ReviewComment:
        """State only. By itself on GitHub too a review comment belongs to a review of its own."""
        with self.world.lock:
            repository, issue = self.repository(full_name), self.issue(full_name, number)
            user: User = self.world.user(author)
            if review is None:
                review = new_review(self.world, repository, issue, user, "", "COMMENTED")
            given = {
                "body": body,
                "path": path,
                "line": line,
                "start_line": start_line,
                "diff_hunk": hunk,
                "in_reply_to": reply_to,
            }
            return new_review_comment(self.world, repository, issue, user, given, review)

    def deliver_review_comment(
        self,
        full_name: str,
        number: int,
        comment: ReviewComment,
        action: str = "created",
        *,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        with self.world.lock:
            repository, issue = self.repository(full_name), self.issue(full_name, number)
            installation = self._installation(repository)
            payload = payloads.review_comment(self.shapes, repository, action, issue, comment, installation)
        return self.deliver("pull_request_review_comment", payload, to, guid)

    def deliver_review(
        self,
        full_name: str,
        number: int,
        review: Review,
        action: str = "submitted",
        *,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        with self.world.lock:
            repository, issue = self.repository(full_name), self.issue(full_name, number)
            installation = self._installation(repository)
            payload = payloads.review(self.shapes, repository, action, issue, review, installation)
        return self.deliver("pull_request_review", payload, to, guid)


def _branch_at(repository: Repository, sha: str) -> str | None:
    tips = repository.git.refs("refs/heads/")
    return next((name.removeprefix("refs/heads/") for name, tip in tips.items() if tip == sha), None)
