from pager import window


def test_window_in_the_middle():
    assert window(5, 10) == [3, 4, 5, 6, 7]


def test_window_at_the_ends():
    assert window(1, 10) == [1, 2, 3]
    assert window(10, 10) == [8, 9, 10]


def test_window_width():
    assert window(5, 10, width=1) == [4, 5, 6]
