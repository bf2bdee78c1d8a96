"""Records to the JSON that GitHub would answer: accounts, Apps, repositories, issues, checks. Field
names are GitHub's."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from tests.double.clock import stamp
from tests.double.state import (
    App,
    CheckRun,
    Comment,
    Installation,
    Issue,
    Json,
    Label,
    Reaction,
    Repository,
    Token,
    User,
    World,
)

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")

# name of the field in a repository -> what follows the repository's address
REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def node_id(prefix: str, *numbers: int) -> str:
    """GitHub's present form: a prefix for the kind, then MessagePack of [0, numbers…] in URL-safe base64."""
    packed = bytes([0x91 + len(numbers), 0]) + b"".join(b"\xce" + number.to_bytes(4) for number in numbers)
    return f"{prefix}_{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def sha_node_id(prefix: str, repository: Repository, sha: str) -> str:
    return node_id(prefix, repository.id) + base64.urlsafe_b64encode(sha.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Shapes:
    """``site`` is http://host:port, the part of the web pages and of git; the API is below it."""

    site: str
    world: World

    @property
    def api(self) -> str:
        return f"{self.site}/api/v3"

    def repository_api(self, repository: Repository) -> str:
        return f"{self.api}/repos/{repository.full_name}"

    def page(self, repository: Repository) -> str:
        return f"{self.site}/{repository.full_name}"

    # -- accounts -----------------------------------------------------------------------------------------

    def user(self, user: User) -> Json:
        url = f"{self.api}/users/{user.login}"
        return {
            "login": user.login,
            "id": user.id,
            "node_id": node_id({"Bot": "BOT", "Organization": "O"}.get(user.kind, "U"), user.id),
            "avatar_url": f"{self.site}/avatars/u/{user.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.site}/{user.login}",
            **{name: url + rest for name, rest in USER_LINKS.items()},
            "type": user.kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def app(self, app: App) -> Json:
        return {
            "id": app.id,
            "client_id": app.client_id,
            "slug": app.slug,
            "node_id": node_id("A", app.id),
            "owner": self.user(app.owner),
            "name": app.name,
            "description": "",
            "external_url": f"{self.site}/apps/{app.slug}",
            "html_url": f"{self.site}/apps/{app.slug}",
            "created_at": stamp(app.created),
            "updated_at": stamp(app.created),
            "permissions": dict(app.permissions),
            "events": list(app.events),
        }

    def installation(self, installation: Installation) -> Json:
        url = f"{self.api}/app/installations/{installation.id}"
        return {
            "id": installation.id,
            "client_id": installation.app.client_id,
            "account": self.user(installation.account),
            "repository_selection": "all" if installation.repositories is None else "selected",
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.site}/settings/installations/{installation.id}",
            "app_id": installation.app.id,
            "app_slug": installation.app.slug,
            "target_id": installation.account.id,
            "target_type": installation.account.kind,
            "permissions": dict(installation.permissions),
            "events": list(installation.app.events),
            "created_at": stamp(installation.created),
            "updated_at": stamp(installation.created),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": None,
            "suspended_at": stamp(installation.suspended),
        }

    def token(self, token: Token) -> Json:
        answer: Json = {
            "token": token.value,
            "expires_at": stamp(token.expires),
            "permissions": dict(token.permissions),
            "repository_selection": "all" if token.repositories is None else "selected",
        }
        if token.repositories is not None:
            reachable = self.world.reachable(token.installation)
            answer["repositories"] = [
                self.repository(each) for each in reachable if each.id in token.repositories
            ]
        return answer

    # -- repositories -------------------------------------------------------------------------------------

    def repository(self, repository: Repository) -> Json:
        url = self.repository_api(repository)
        bare = self.page(repository).removeprefix("http:")
        open_issues = sum(1 for each in repository.issues.values() if each.state == "open")
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "owner": self.user(repository.owner),
            "html_url": self.page(repository),
            "description": None,
            "fork": repository.parent is not None,
            "url": url,
            **{name: url + rest for name, rest in REPOSITORY_LINKS.items()},
            "created_at": stamp(repository.created),
            "updated_at": stamp(repository.created),
            "pushed_at": stamp(repository.created),
            "git_url": f"git:{bare}.git",
            "ssh_url": f"git@127.0.0.1:{repository.full_name}.git",
            "clone_url": f"{self.page(repository)}.git",
            "svn_url": self.page(repository),
            "homepage": None,
            "size": 1,
            "language": "Python",
            "has_issues": True,
            "has_projects": False,
            "has_downloads": True,
            "has_wiki": False,
            "has_pages": False,
            "has_discussions": False,
            "mirror_url": None,
            "archived": False,
            "disabled": False,
            "license": None,
            "allow_forking": True,
            "is_template": False,
            "web_commit_signoff_required": False,
            "topics": [],
            "visibility": "private" if repository.private else "public",
            "default_branch": repository.default_branch,
            "open_issues": open_issues,
            "open_issues_count": open_issues,
            **dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0),
        }

    def full_repository(self, repository: Repository) -> Json:
        return {**self.repository(repository), "network_count": 0, "subscribers_count": 0}

    # -- issues -------------------------------------------------------------------------------------------

    def association(self, repository: Repository, user: User) -> str:
        if user is repository.owner:
            return "OWNER"
        return "COLLABORATOR" if user.login.lower() in repository.roles else "NONE"

    def label(self, repository: Repository, label: Label) -> Json:
        return {
            "id": label.id,
            "node_id": node_id("LA", label.id),
            "url": f"{self.repository_api(repository)}/labels/{label.name}",
            "name": label.name,
            "color": label.color,
            "default": label.default,
            "description": label.description,
        }

    def reaction(self, reaction: Reaction) -> Json:
        return {
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.user(reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.created),
        }

    def rollup(self, url: str, reactions: list[Reaction]) -> Json:
        counts = {name: sum(1 for each in reactions if each.content == name) for name in REACTIONS}
        return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}

    def issue_url(self, repository: Repository, issue: Issue) -> str:
        return f"{self.repository_api(repository)}/issues/{issue.number}"

    def issue_page(self, repository: Repository, issue: Issue) -> str:
        return f"{self.page(repository)}/{'issues' if issue.pull is None else 'pull'}/{issue.number}"

    def issue(self, repository: Repository, issue: Issue) -> Json:
        url, page = self.issue_url(repository, issue), self.issue_page(repository, issue)
        shape: Json = {
            "url": url,
            "repository_url": self.repository_api(repository),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": page,
            "id": issue.id,
            "node_id": node_id("I" if issue.pull is None else "PR", repository.id, issue.id),
            "number": issue.number,
            "title": issue.title,
            "user": self.user(issue.user),
            "labels": [self.label(repository, each) for each in issue.labels],
            "state": issue.state,
            "state_reason": issue.state_reason,
            "locked": issue.locked,
            "assignee": self.user(issue.assignees[0]) if issue.assignees else None,
            "assignees": [self.user(each) for each in issue.assignees],
            "milestone": None,
            "comments": len(issue.comments),
            "created_at": stamp(issue.created),
            "updated_at": stamp(issue.updated),
            "closed_at": stamp(issue.closed),
            "author_association": self.association(repository, issue.user),
            "active_lock_reason": None,
            "body": issue.body,
            "reactions": self.rollup(url, issue.reactions),
            "timeline_url": f"{url}/timeline",
            "performed_via_github_app": None if issue.app is None else self.app(issue.app),
        }
        if issue.pull is not None:
            shape["pull_request"] = {
                "url": f"{self.repository_api(repository)}/pulls/{issue.number}",
                "html_url": page,
                "diff_url": f"{page}.diff",
                "patch_url": f"{page}.patch",
                "merged_at": stamp(issue.pull.merged),
            }
            shape["draft"] = issue.pull.draft
        return shape

    def comment(self, repository: Repository, issue: Issue, comment: Comment) -> Json:
        url = f"{self.repository_api(repository)}/issues/comments/{comment.id}"
        return {
            "url": url,
            "html_url": f"{self.issue_page(repository, issue)}#issuecomment-{comment.id}",
            "issue_url": self.issue_url(repository, issue),
            "id": comment.id,
            "node_id": node_id("IC", repository.id, comment.id),
            "user": self.user(comment.user),
            "created_at": stamp(comment.created),
            "updated_at": stamp(comment.updated),
            "author_association": self.association(repository, comment.user),
            "body": comment.body,
            "reactions": self.rollup(url, comment.reactions),
            "performed_via_github_app": None if comment.app is None else self.app(comment.app),
        }

    # -- checks -------------------------------------------------------------------------------------------

    def check_run(self, repository: Repository, run: CheckRun) -> Json:
        url = f"{self.repository_api(repository)}/check-runs/{run.id}"
        page = f"{self.page(repository)}/runs/{run.id}"
        return {
            "id": run.id,
            "name": run.name,
            "node_id": node_id("CR", repository.id, run.id),
            "head_sha": run.head_sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": page,
            "details_url": run.details_url or page,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": run.started,
            "completed_at": run.completed,
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": len(run.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "check_suite": {"id": run.suite},
            "app": self.app(run.app),
            "pull_requests": self.pulls_at(repository, run.head_sha),
        }

    def pulls_at(self, repository: Repository, sha: str) -> list[Json]:
        """The open pull requests with this head, as check runs, suites and workflow runs name them. Those
        from forks are left out: GitHub does not tell them."""
        return [
            {
                "id": each.pull.id,
                "number": each.number,
                "url": f"{self.repository_api(repository)}/pulls/{each.number}",
                "head": {"ref": each.pull.head, "sha": sha, "repo": self._short(repository)},
                "base": {"ref": each.pull.base, "sha": each.pull.base_sha, "repo": self._short(repository)},
            }
            for each in repository.issues.values()
            if each.pull is not None
            and each.pull.fork is None
            and each.state == "open"
            and repository.head_of(each.pull, is_open=True) == sha
        ]

    def _short(self, repository: Repository) -> Json:
        return {"id": repository.id, "url": self.repository_api(repository), "name": repository.name}
