"""Dual execution agreement: the published rules on small matrices, and what must hold on any."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.choice.agreement import Cluster, Passed, b4, clusters, codet


def rows(*texts: str) -> list[Passed]:
    """One candidate per text; a letter is a case that it passes."""
    return [frozenset(text) for text in texts]


def best(found: Sequence[Cluster]) -> tuple[int, ...]:
    return max(found, key=lambda each: each.score).members


def test_clusters_hold_who_passes_the_same() -> None:
    found = clusters(rows("ab", "a", "ba", "", "a"))
    assert [each.members for each in found] == [(0, 2), (1, 4), (3,)]


CODET = [
    # (candidates, scores with the size of the cluster, scores with its root)
    (("ab", "ab", "abc"), [4.0, 3.0], [2 * sqrt(2), 3.0]),
    (("a", "a", "a", "bcd"), [3.0, 3.0], [sqrt(3), 3.0]),
    (("", ""), [0.0], [0.0]),
]


@pytest.mark.parametrize(("candidates", "plain", "root"), CODET)
def test_codet_multiplies_candidates_and_cases(
    candidates: tuple[str, ...], plain: list[float], root: list[float]
) -> None:
    assert [each.score for each in codet(rows(*candidates))] == plain
    assert [each.score for each in codet(rows(*candidates), root=True)] == pytest.approx(root)


def test_b4_is_the_sum_of_four_log_betas() -> None:
    # Two of three candidates pass one of two cases, the third passes none; whole numbers, so that
    # B(a, b) = (a-1)! (b-1)! / (a+b-1)! by hand: B(4,2) = 1/20, B(3,2) = 1/12, B(1,2) = 1/2, B(1,4) = 1/4.
    found = b4(rows("a", "a", ""), 2, beta_0=3, alpha_xy=2)
    assert found[0].score == pytest.approx(log(1 / 20) + log(1 / 12) + log(1 / 2) + log(1 / 4))


def test_b4_trusts_many_that_agree_over_one_that_passes_more() -> None:
    agreeing = ("abcd",) * 6
    assert best(b4(rows(*agreeing, "abcdef", "wxyz"), 10)) == (0, 1, 2, 3, 4, 5)


@given(st.lists(st.frozensets(st.sampled_from("abcdef")), min_size=1, max_size=8))
def test_every_candidate_is_in_one_cluster_whatever_the_rule(found: list[Passed]) -> None:
    for scored in (codet(found), codet(found, root=True), b4(found, 6)):
        assert sorted(index for each in scored for index in each.members) == list(range(len(found)))


@given(st.lists(st.frozensets(st.sampled_from("abcd")), min_size=1, max_size=6), st.randoms())
def test_the_order_of_candidates_does_not_matter(found: list[Passed], random) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    for rule in (codet, lambda each: b4(each, 4)):
        before = {each.passed: each.score for each in rule(found)}
        after = {each.passed: each.score for each in rule(shuffled)}
        assert before == pytest.approx(after)
