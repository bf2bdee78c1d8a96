import pytest

from pager import bounds, clamp_page, page_count, page_of


@pytest.mark.parametrize(("items", "size", "pages"), [(0, 10, 0), (1, 10, 1), (10, 10, 1), (21, 10, 3)])
def test_page_count(items, size, pages):
    assert page_count(items, size) == pages


def test_page_count_needs_a_size():
    with pytest.raises(ValueError, match="at least 1"):
        page_count(5, 0)


def test_page_of():
    assert page_of(0, 10) == 1
    assert page_of(9, 10) == 1
    assert page_of(10, 10) == 2


def test_page_of_refuses_negative():
    with pytest.raises(ValueError, match="negative"):
        page_of(-1, 10)


@pytest.mark.parametrize(("number", "pages", "clamped"), [(1, 5, 1), (5, 5, 5), (9, 5, 5)])
def test_clamp_page(number, pages, clamped):
    assert clamp_page(number, pages) == clamped


def test_bounds():
    assert bounds(1, 10, 21) == (0, 10)
    assert bounds(3, 10, 21) == (20, 21)
    assert bounds(99, 10, 21) == (20, 21)
