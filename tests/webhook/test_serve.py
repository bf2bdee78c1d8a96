"""The wiring: what it hands on, what it shows, what it hides."""

from __future__ import annotations

from pathlib import Path

from bot.queue import Ending, JobResult, JobState, JobView, TaskRequest
from bot.render.page import run_page
from bot.repo_config import RepoConfig
from bot.serve import JOURNAL_SHOWN, redactor, shown_journal
from bot.settings import Settings
from bot.work.parts import config_protects
from sandbox.redact import Redactor

KEY = "-----BEGIN PRIVATE KEY-----\nabcdefghijklmnop\n-----END PRIVATE KEY-----\n"
REQUEST = TaskRequest(
    delivery="00000000-aaaa-bbbb-cccc-000000000001",
    installation=1,
    repository_id=2,
    repository="owner/name",
    issue=3,
    title="<script>alert(1)</script> \u202e",
    body="text",
    author="ann",
    sender="bob",
    label="codeagent",
)


def test_the_settings_secrets_are_redacted() -> None:
    settings = Settings(
        app_id=1,
        private_key=KEY,
        webhook_secret="a-webhook-secret-value",
        database_url="postgresql://user:p%40ssword-value@host/db",
    )
    redact = redactor(settings)
    for secret in ("a-webhook-secret-value", "p%40ssword-value", "p@ssword-value", "abcdefghijklmnop"):
        assert secret not in redact(f"x {settings.database_url} {KEY} {secret} y")


def test_a_page_is_inert() -> None:
    result = JobResult(ending=Ending.SOLVED, summary="<b>", pull_request="javascript:alert(1)")
    view = JobView(job_id="a" * 32, state=JobState.DONE, request=REQUEST, result=result, error="<i>")
    page = run_page(view)
    for live in ("<script>", "<b>", "<i>", "javascript:", "\u202e"):
        assert live not in page
    assert "owner/name #3" in page
    assert f'href="{"a" * 32}/journal"' in page


def test_a_long_journal_is_shown_from_a_whole_line_on(tmp_path: Path) -> None:
    redact = Redactor(["secret-value"])
    path = tmp_path / "journal.jsonl"
    assert shown_journal(path, redact) is None
    path.write_text("one secret-value\n")
    assert shown_journal(path, redact) == "one [redacted]\n"
    path.write_text("".join(f"line {number}\n" for number in range(300_000)))
    shown = shown_journal(path, redact)
    assert shown is not None
    assert len(shown) <= JOURNAL_SHOWN + 100
    assert shown.splitlines()[0].endswith("bytes left out …")
    assert shown.splitlines()[1].startswith("line ")
    assert shown.endswith("line 299999\n")


def test_protected_files() -> None:
    config = RepoConfig(protected=("docs/*", "*.lock"))
    files = ("docs/a/b.md", "src/x.py", "deep/uv.lock")
    assert config_protects(config, files) == ("deep/uv.lock", "docs/a/b.md")
    assert config_protects(RepoConfig(), files) == ()
