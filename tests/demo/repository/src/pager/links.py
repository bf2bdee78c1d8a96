"""Which page links to show."""

from pager.pages import clamp_page


def window(number, pages, width=2):
    """The page numbers around a page: at most ``width`` on each side."""
    number = clamp_page(number, pages)
    first = max(1, number - width)
    last = min(pages, number + width)
    return list(range(first, last + 1))
