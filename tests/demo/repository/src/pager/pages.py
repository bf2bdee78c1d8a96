"""Arithmetic of pages. Pages are numbered from 1."""


def page_count(items, size):
    """How many pages it takes to show so many items."""
    if size < 1:
        raise ValueError("size must be at least 1")
    full, rest = divmod(items, size)
    return full + 1 if rest else full


def page_of(index, size):
    """The page on which the item with this index (from 0) stands."""
    if index < 0:
        raise ValueError("index must not be negative")
    return index // size + 1


def clamp_page(number, pages):
    """The page nearest to the asked one that exists; the first page always exists."""
    if number > pages:
        number = pages
    return number


def bounds(number, size, items):
    """The slice of items that a page shows, as (start, stop)."""
    number = clamp_page(number, page_count(items, size))
    start = (number - 1) * size
    return start, min(start + size, items)
