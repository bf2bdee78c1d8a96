"""Split long lists into pages."""

from pager.links import window
from pager.pages import bounds, clamp_page, page_count, page_of

__all__ = ["bounds", "clamp_page", "page_count", "page_of", "window"]
