"""Check runs of our own and of others, and what GitHub Actions says of its failed jobs."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol, cast
from urllib.parse import quote

from bot.forge import Annotation, Button, SeenCheck, WorkflowJob
from bot.github.requests import PAGE, RepositoryRequests
from bot.github.shapes import FAILED, CheckShape, ChecksShape, JobShape, JobsShape, fit, one_line

MOST_ANNOTATIONS: Final = 50
LARGEST_MESSAGE: Final = 64_000  # GitHub: 64 KB
LONGEST_ANNOTATION_TITLE: Final = 255
MOST_BUTTONS: Final = 3
LABEL, DESCRIPTION, IDENTIFIER = 20, 40, 20  # characters of a button
MOST_LOG: Final = 256 << 20  # bytes that are read of one log to come to its end


class CheckRequests(RepositoryRequests):
    def check_runs(self, sha: str, name: str, app: int, page: int) -> list[CheckShape]:
        """``filter`` all: the newest alone would hide ours behind a later one of the same name."""
        return self._ask(
            "GET",
            f"list the check runs of {sha}",
            lambda gh: gh.rest.checks.list_for_ref(
                *(self.owner, self.name, sha),
                check_name=name,
                app_id=app,
                filter_="all",
                per_page=PAGE,
                page=page,
            ),
            lambda data: list(ChecksShape.model_validate(data).check_runs),
        )

    def all_check_runs(self, sha: str, page: int) -> list[CheckShape]:
        return self._ask(
            "GET",
            f"list all check runs of {sha}",
            lambda gh: gh.rest.checks.list_for_ref(
                self.owner, self.name, quote(sha, safe=""), filter_="latest", per_page=PAGE, page=page
            ),
            lambda data: list(ChecksShape.model_validate(data).check_runs),
        )

    def check_run(self, check: int) -> CheckShape:
        return self._ask(
            "GET",
            f"show check run {check}",
            lambda gh: gh.rest.checks.get(self.owner, self.name, check),
            CheckShape.model_validate,
        )

    def create_check_run(self, data: dict[str, Any]) -> CheckShape:
        return self._ask(
            "POST",
            f"create check run {data['name']}",
            lambda gh: gh.rest.checks.create(self.owner, self.name, data=cast(Any, data)),
            CheckShape.model_validate,
        )

    def update_check_run(self, check: int, data: dict[str, Any]) -> CheckShape:
        return self._ask(
            "PATCH",
            f"update check run {check}",
            lambda gh: gh.rest.checks.update(self.owner, self.name, check, data=cast(Any, data)),
            CheckShape.model_validate,
        )

    def jobs(self, run: int, page: int) -> list[JobShape]:
        """Of the latest attempt."""
        return self._ask(
            "GET",
            f"list the jobs of workflow run {run}",
            lambda gh: gh.rest.actions.list_jobs_for_workflow_run(
                self.owner, self.name, run, filter_="latest", per_page=PAGE, page=page
            ),
            lambda data: list(JobsShape.model_validate(data).jobs),
        )

    def job_log(self, job: int, limit: int) -> bytes:
        """GitHub answers with the address of another host, where the token is not sent: httpx drops the
        Authorization header when a redirect leads to another origin."""
        return self._ask(
            "GET",
            f"show the log of job {job}",
            lambda gh: gh.rest.actions.download_job_logs_for_workflow_run(
                self.owner, self.name, job, stream=True
            ),
            lambda answer: tail(answer, limit),
            raw=True,
        )


class Streamed(Protocol):
    """Of ``httpx.Response``."""

    def iter_bytes(self) -> Any: ...

    def close(self) -> None: ...


def tail(answer: Streamed, limit: int, most: int = MOST_LOG) -> bytes:
    """The last bytes of an answer that may be endless: of the first ``most``, then."""
    kept: deque[bytes] = deque()
    held = read = 0
    try:
        for block in answer.iter_bytes():
            kept.append(block)
            held, read = held + len(block), read + len(block)
            while kept and held - len(kept[0]) >= limit:
                held -= len(kept.popleft())
            if read >= most:
                break
    finally:
        answer.close()
    return b"".join(kept)[-limit:] if limit > 0 else b""


def failed(runs: list[CheckShape], own: int) -> tuple[SeenCheck, ...]:
    """The newest of each App and name, those of them that failed."""
    newest: dict[tuple[int, str], CheckShape] = {}
    for run in sorted(runs, key=lambda each: each.id):
        app = run.app.id if run.app else 0
        if app != own:
            newest[app, run.name] = run
    return tuple(run.seen() for run in newest.values() if run.conclusion in FAILED)


def failed_jobs(jobs: list[JobShape]) -> tuple[WorkflowJob, ...]:
    return tuple(job.job() for job in jobs if job.conclusion in FAILED)


def annotation_rows(annotations: tuple[Annotation, ...]) -> list[dict[str, Any]]:
    """As GitHub takes them: one that has no place would have it refuse the whole update."""
    placed = [each for each in annotations if each.path and each.start_line >= 1 and each.message.strip()]
    return [
        {
            "path": each.path,
            "start_line": each.start_line,
            "end_line": max(each.start_line, each.end_line),
            "annotation_level": each.level.value,
            "message": fit(each.message, LARGEST_MESSAGE),
            **({"title": one_line(each.title, LONGEST_ANNOTATION_TITLE)} if each.title.strip() else {}),
        }
        for each in placed[:MOST_ANNOTATIONS]
    ]


def button_rows(buttons: tuple[Button, ...]) -> list[dict[str, str]]:
    """An identifier that is too long is a bug: cut, it would come back as another one."""
    assert all(0 < len(each.identifier) <= IDENTIFIER for each in buttons), buttons
    return [
        {
            "label": one_line(each.label, LABEL),
            "description": one_line(each.description, DESCRIPTION),
            "identifier": each.identifier,
        }
        for each in buttons[:MOST_BUTTONS]
    ]
