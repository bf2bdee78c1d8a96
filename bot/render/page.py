"""The page of one run: what it is about, how it stands, where its record is. No script, nothing from afar."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from jinja2 import Environment, StrictUndefined

from bot.queue import JobView, Kind
from bot.sanitize import one_line

_TEMPLATE: Final = Environment(autoescape=True, undefined=StrictUndefined).from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Run {{ view.job_id }}</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em }
dt { font-weight: bold } dd { margin: 0 0 .5em }
</style>
<h1>{{ title }}</h1>
<dl>
<dt>{{ about }}</dt><dd>{{ repository }} {{ place }}</dd>
<dt>State</dt><dd>{{ view.state.value }}{% if view.cancelling %}, asked to stop{% endif %}</dd>
{% if result %}<dt>Result</dt><dd>{{ result.ending.value }}: {{ result.summary }}</dd>{% endif %}
{% if link %}<dt>Pull request</dt><dd><a href="{{ link }}" rel="noreferrer">{{ link }}</a></dd>{% endif %}
{% if view.error %}<dt>Error</dt><dd>{{ view.error }}</dd>{% endif %}
<dt>Asked for</dt><dd>{{ created }}</dd>
<dt>Last change</dt><dd>{{ updated }}</dd>
<dt>Taken up</dt><dd>{{ view.starts }} times</dd>
<dt>Record</dt><dd><a href="{{ view.job_id }}/journal">everything that the engine did</a></dd>
</dl>
</html>
""")


def run_page(view: JobView) -> str:
    link = view.result.pull_request if view.result else ""
    return _TEMPLATE.render(
        view=view,
        result=view.result,
        title=one_line(view.request.title, 200),
        repository=one_line(view.request.repository, 200),
        about="Issue" if view.request.kind in (Kind.FIX, Kind.EXPLAIN) else "Where",
        place=_place(view),
        link=link if link.startswith(("https://", "http://")) else "",
        created=_when(view.created),
        updated=_when(view.updated),
    )


def _place(view: JobView) -> str:
    """The number of an issue or pull request, or the branch whose check failed."""
    check = view.request.check
    if view.request.issue or check is None:
        return f"#{view.request.issue}"
    return one_line(check.branch or check.sha, 200)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
