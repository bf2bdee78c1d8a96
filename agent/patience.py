"""How long a run may take: tighter than the cap that was set, from what the same took on base.

A candidate that loops for ever costs its whole time limit, and among a hundred candidates a few do. But a
right patch that is stopped is lost, so a limit is generous in two ways: it is a multiple of what this machine
needed for the same thing on base, and never less than :data:`PATIENCE`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from sandbox import Completed, Limits

PATIENCE = 10.0
"""Seconds that any run gets: to start an interpreter and to import a large package on a busy machine; and for
what a made test does with a right patch, once it gets beyond the line at which it fails on base. Made from an
issue's text, it is a few calls."""

WHOLE_SUITE = 3  # a part of the suite does not take longer than all of it; candidates run side by side
SAME_TESTS = 10  # in a run of a second most is the start, which varies much


def for_chosen_tests(limits: Limits, suite_seconds: float) -> Limits:
    """For some of the suite's tests, after a whole run on base that took so long."""
    return _at_most(limits, PATIENCE + WHOLE_SUITE * suite_seconds)


def for_made_tests(limits: Limits, on_base: Completed) -> Limits:
    """For the state's own tests, after their run on base. One that was stopped there says nothing."""
    if on_base.stopped_by is not None:
        return limits
    return _at_most(limits, PATIENCE + SAME_TESTS * on_base.seconds)


def _at_most(limits: Limits, seconds: float) -> Limits:
    return replace(limits, seconds=float(min(limits.seconds, math.ceil(seconds))))
