"""Groups of settings: caps of commands, of runs and of days, and what repositories may choose from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.config.keys import ChecksScope, Push


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitSettings(_Group):
    """Caps of one command in a sandbox."""

    seconds: float = Field(default=120.0, gt=0, le=86_400, description="wall-clock seconds of one command")
    memory_mib: int = Field(default=2048, ge=64, description="memory of one command, MiB")
    processes: int = Field(default=256, ge=8, description="processes and threads of one command")
    cpus: float = Field(default=1.0, gt=0, description="processor cores of one command")
    disk_mib: int = Field(default=1024, ge=16, description="what one command may write, MiB")


class BudgetSettings(_Group):
    """Caps of one run, from the label to the answer."""

    seconds: float = Field(default=1200.0, gt=0, le=7 * 86_400, description="wall-clock seconds of one run")
    iterations: int = Field(default=400, ge=1, description="code-test-feedback rounds of one run")
    tokens: int = Field(default=2_000_000, ge=0, description="of a model, in one run; 0: no such cap")
    money: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="US dollars for a model in one run; needs prices; 0: no such cap",
    )


class DaySettings(_Group):
    """Caps of all runs of one installation of the App in a day (UTC)."""

    runs: int = Field(default=0, ge=0, description="runs of one installation in a day (UTC); 0: no such cap")
    issue_runs: int = Field(
        default=30,
        ge=0,
        description="runs for one issue or pull request in a day; 0: no such cap",
    )
    tokens: int = Field(default=0, ge=0, description="tokens of a model, likewise; 0: no such cap")
    money: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="US dollars, likewise; needs prices; 0: no such cap",
    )


class MonthSettings(_Group):
    """Caps of all runs of one installation of the App in a calendar month (UTC)."""

    runs: int = Field(default=0, ge=0, description="runs of one installation in a month; 0: no such cap")
    tokens: int = Field(default=0, ge=0, description="tokens of a model, likewise; 0: no such cap")
    money: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="US dollars, likewise; needs prices; 0: no such cap",
    )


class ParallelSettings(_Group):
    """How many jobs have their turn at once."""

    in_all: int = Field(default=0, ge=0, description="jobs at once, in all; 0: as many as there are workers")
    installation: int = Field(default=0, ge=0, description="jobs at once of one installation; 0: no such cap")
    repository: int = Field(default=0, ge=0, description="jobs at once of one repository; 0: no such cap")


class RetentionSettings(_Group):
    """How long what is over is kept, days; 0: for ever. What still runs, waits or asks is always kept."""

    runs: float = Field(default=90.0, ge=0, description="days that directories and journals of runs are kept")
    failed: float = Field(default=365.0, ge=0, description="days, for those of jobs that failed")
    jobs: float = Field(default=365.0, ge=0, description="days that jobs are kept in the database")


class TriggerSettings(_Group):
    """What asks for work."""

    label: bool = Field(default=True, description="the label on an issue asks for work")
    commands: bool = Field(default=True, description="commands in comments ask for work")
    assignment: bool = Field(default=True, description="being assigned to an issue asks for work")
    checks: ChecksScope = Field(
        default=ChecksScope.ALL,
        description="failing checks that repositories may have looked at unasked: off, default-branch, "
        "pull-requests, all; a repository has to ask for it in its configuration",
    )
    review: bool = Field(default=True, description="review comments on its own pull requests ask for work")


class CheckSettings(_Group):
    """How failing checks are dealt with."""

    push: Push = Field(
        default=Push.DIRECT,
        description="what repositories may choose for the fix of a pull request's check: pull-request, or "
        "direct as well (a commit on its branch)",
    )


class ReviewSettings(_Group):
    """The answers to reviewers."""

    limit: int = Field(default=5, ge=0, description="how many times one pull request is reworked at most")
