"""A run's model calls in a process of their own: BASE_URL KEY JOURNAL; prints what was spent."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from agent.journal import FileJournal
from agent.llm.client import Endpoint
from tests.llm.desks import make_desk, question

QUESTIONS = tuple(question(f"Question {number}?") for number in range(3))


def main(base_url: str, key: str, journal: str) -> None:
    with FileJournal(Path(journal), run="r", task={}) as opened:
        desk = make_desk(Endpoint(base_url, key), opened)
        kinds = [type(desk.ask(each)).__name__ for each in QUESTIONS]
        print(json.dumps([kinds, desk.spend.model_calls, desk.spend.tokens]))


if __name__ == "__main__":
    main(*sys.argv[1:])
