"""Random worlds: graphs of up to nine states with ways back, dead ends and traps."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.search.world import World

NAMES = "abcdefgh"
_some = st.frozensets(st.sampled_from(NAMES), max_size=3)
_scores = st.integers(-20, 20).map(lambda n: n / 10)
_proposals = st.lists(st.tuples(st.sampled_from(NAMES), _scores), max_size=7, unique_by=lambda pair: pair[0])


def worlds() -> st.SearchStrategy[World]:
    """The same action, by its id, may be proposed at several states; it leads to the same one."""
    return st.builds(
        World,
        children=st.dictionaries(st.sampled_from(["", *NAMES]), _proposals, min_size=3),
        solved=_some,
        refused=_some,
        shallow=_some,
        unused=_some,
        broken=_some,
        scores=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)),
    )
