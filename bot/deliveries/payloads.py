"""The few fields of GitHub's events that are used; everything else is ignored.

Narrow on purpose: a third of GitHub's own example payloads fail when parsed by its full description. What may
be missing in an old or an Enterprise payload has a default that asks for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[int, Field(ge=0, lt=2**63)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class User(_Model):
    login: str
    id: Id = 0
    type: str = "User"


class Label(_Model):
    name: str


class IssueData(_Model):
    number: Id
    title: str
    body: str | None = None
    state: str = "open"
    user: User | None = None  # null for a deleted account
    pull_request: object | None = None  # present when the issue is a pull request
    updated_at: str | None = None


class Repository(_Model):
    id: Id
    full_name: str
    archived: bool = False
    disabled: bool = False
    default_branch: str = ""


class InstallationData(_Model):
    id: Id


class Payload(_Model):
    """What every event may carry."""

    action: str = ""
    sender: User | None = None
    repository: Repository | None = None
    installation: InstallationData | None = None


# --- issues and comments ------------------------------------------------------------------------------------


class IssuesPayload(Payload):
    issue: IssueData
    label: Label | None = None
    assignee: User | None = None


class CommentData(_Model):
    id: Id
    body: str | None = None
    user: User | None = None


class IssueCommentPayload(Payload):
    issue: IssueData
    comment: CommentData


# --- pull requests and their reviews ------------------------------------------------------------------------


class HeadRepository(_Model):
    id: Id
    full_name: str = ""


class Head(_Model):
    ref: str = ""
    sha: str = ""
    repo: HeadRepository | None = None  # null when the fork was deleted


class PullRequestData(_Model):
    number: Id
    title: str = ""
    body: str | None = None
    state: str = "open"
    merged: bool | None = None
    user: User | None = None
    head: Head = Head()
    updated_at: str | None = None


class PullRequestPayload(Payload):
    pull_request: PullRequestData
    label: Label | None = None


class ReviewData(_Model):
    id: Id
    body: str | None = None
    state: str = ""
    user: User | None = None
    submitted_at: str | None = None


class ReviewPayload(Payload):
    pull_request: PullRequestData
    review: ReviewData


class ReviewCommentData(CommentData):
    path: str = ""
    line: Id | None = None
    start_line: Id | None = None
    original_line: Id | None = None
    diff_hunk: str | None = None
    in_reply_to_id: Id | None = None
    pull_request_review_id: Id | None = None
    created_at: str | None = None


class ReviewCommentPayload(Payload):
    pull_request: PullRequestData
    comment: ReviewCommentData


# --- checks -------------------------------------------------------------------------------------------------


class PullOfCheck(_Model):
    """A pull request that a check belongs to; its base may lie in another repository of the network."""

    number: Id
    head: Head = Head()
    base: Head = Head()


class AppData(_Model):
    slug: str | None = None
    name: str | None = None


class CheckSuiteData(_Model):
    id: Id | None = None
    head_branch: str | None = None  # null when it lies in a fork; there are no pull requests then either
    head_sha: str = ""
    conclusion: str | None = None
    app: AppData | None = None
    pull_requests: tuple[PullOfCheck, ...] = ()


class CheckSuitePayload(Payload):
    check_suite: CheckSuiteData


class CheckRunData(_Model):
    id: Id
    name: str = ""
    head_sha: str = ""
    external_id: str | None = None
    app: AppData | None = None
    check_suite: CheckSuiteData | None = None


class RequestedAction(_Model):
    identifier: str = ""


class CheckRunPayload(Payload):
    check_run: CheckRunData
    requested_action: RequestedAction | None = None


class WorkflowRunData(_Model):
    id: Id
    name: str | None = None
    event: str = ""
    head_branch: str | None = None
    head_sha: str = ""
    conclusion: str | None = None
    actor: User | None = None
    triggering_actor: User | None = None
    head_repository: HeadRepository | None = None
    check_suite_id: Id | None = None
    pull_requests: tuple[PullOfCheck, ...] = ()


class WorkflowRunPayload(Payload):
    workflow_run: WorkflowRunData


# --- the rest -----------------------------------------------------------------------------------------------


class InstallationPayload(Payload):
    pass


class PingPayload(Payload):
    zen: str = ""


MODELS: Mapping[str, type[Payload]] = {
    "check_run": CheckRunPayload,
    "check_suite": CheckSuitePayload,
    "installation": InstallationPayload,
    "installation_repositories": InstallationPayload,
    "issue_comment": IssueCommentPayload,
    "issues": IssuesPayload,
    "ping": PingPayload,
    "pull_request": PullRequestPayload,
    "pull_request_review": ReviewPayload,
    "pull_request_review_comment": ReviewCommentPayload,
    "workflow_run": WorkflowRunPayload,
}
