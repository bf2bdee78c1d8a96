"""What an operator's Prometheus collects. Every label's values are of a closed list: nothing that a delivery
or a repository says becomes a label.

Counters are this process's own. What the queue holds is read from its database when somebody asks, and is the
same whichever process is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from agent.llm.record import ASK, record_of
from agent.protocols import JsonObject
from bot.queue import Interrupted, JobResult, Kind, Pending, QueueUnavailable

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
OUTCOMES: Final = {
    200: "ignored",
    202: "accepted",
    400: "malformed",
    401: "unsigned",
    413: "too large",
    415: "wrong type",
    503: "queue unavailable",
}
_SECONDS: Final = (1, 5, 15, 60, 120, 300, 600, 1200, 2400, 3600, 7200, 14_400)
_PICODOLLARS: Final = 10**12

log = structlog.get_logger("bot.metrics")


class Metrics:
    """One for each process, with a registry of its own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._deliveries = Counter(
            "codeagent_deliveries",
            "Deliveries of GitHub, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self._ended = Counter(
            "codeagent_jobs_ended", "Jobs that ended here", ["kind", "ending"], registry=registry
        )
        self._seconds = Histogram(
            "codeagent_job_seconds",
            "From the start here to the end",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._running = Gauge("codeagent_jobs_here", "Jobs that run in this process", registry=registry)
        self._sandbox_runs = Counter("codeagent_sandbox_runs", "Commands run in sandboxes", registry=registry)
        self._sandbox_seconds = Counter("codeagent_sandbox_seconds", "Time of these", registry=registry)
        self._calls = Counter("codeagent_model_calls", "Calls of a model that are owed", registry=registry)
        self._tokens = Counter("codeagent_model_tokens", "Tokens of these", registry=registry)
        self._dollars = Counter("codeagent_model_dollars", "Price of these", registry=registry)

    def shown(self) -> bytes:
        return generate_latest(self._registry)

    def watch_queue(self, pending: Callable[[], Sequence[Pending]], clock: Callable[[], float]) -> None:
        """Asked whenever somebody collects."""
        self._registry.register(_Queue(pending, clock))

    def delivered(self, status: int) -> None:
        """A delivery was answered with this HTTP status."""
        self._deliveries.labels(OUTCOMES.get(status, "other")).inc()

    @contextmanager
    def job(self, kind: Kind, clock: Callable[[], float]) -> Iterator[Callable[[JobResult], None]]:
        """Around a job's work; gives what is to be told the result."""
        ending = "failed"

        def ended(result: JobResult) -> None:
            nonlocal ending
            ending = result.ending.value

        begun = clock()
        self._running.inc()
        try:
            yield ended
        except Interrupted:
            ending = "interrupted"
            raise
        finally:
            self._running.dec()
            self._ended.labels(kind.value, ending).inc()
            self._seconds.labels(kind.value).observe(max(0.0, clock() - begun))

    def observe(self, kind: str, answer: JsonObject) -> None:
        """A new effect of the engine; see ``bot.ports``."""
        if kind == "run":
            self._sandbox_runs.inc()
            completed = answer.get("completed")
            seconds = completed.get("seconds") if isinstance(completed, dict) else None
            if isinstance(seconds, int | float):
                self._sandbox_seconds.inc(max(0.0, seconds))
        elif kind == ASK:
            record = record_of(answer)
            self._calls.inc(record.calls)
            self._tokens.inc(record.total.tokens)
            self._dollars.inc(record.total.money / _PICODOLLARS)


class _Queue:
    """A collector of prometheus_client."""

    def __init__(self, pending: Callable[[], Sequence[Pending]], clock: Callable[[], float]) -> None:
        self._pending = pending
        self._clock = clock

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """So that the database is not asked when this is registered."""
        yield GaugeMetricFamily("codeagent_queue_jobs", "Jobs that are not over", labels=["kind", "state"])
        yield GaugeMetricFamily(
            "codeagent_queue_oldest_seconds", "Age of the oldest of these", labels=["kind", "state"]
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        jobs, oldest = self.describe()
        try:
            pending = self._pending()
        except QueueUnavailable as error:  # the other numbers are still worth something
            log.warning("the queue could not be counted", error=str(error))
            return
        for each in pending:
            labels = [each.kind.value, each.state.value]
            jobs.add_metric(labels, each.number)
            oldest.add_metric(labels, max(0.0, self._clock() - each.since))
        yield jobs
        yield oldest
