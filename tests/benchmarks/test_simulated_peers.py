"""The endpoint and the scripts of the comparison with other programs; these themselves are not run here."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.llm.replies import Explanations, Proposals, Verdict
from agent.skills.debugger import RepairReply
from agent.skills.test_designer import DesignReply
from benchmarks import peers_contestants, peers_overhead
from benchmarks.peers_contestants import DEMO, OLD, SOURCE, aider_script, mini_script
from benchmarks.peers_endpoint import ClosedDoor, Endpoint, in_flight, union
from benchmarks.peers_ours import script

BUG = (DEMO / "repository" / SOURCE).read_text()


@pytest.mark.parametrize(
    ("spans", "length"),
    [
        ([], 0.0),
        ([(1.0, 2.0), (3.0, 5.0)], 3.0),
        ([(1.0, 4.0), (2.0, 3.0)], 3.0),
        ([(3.0, 5.0), (1.0, 4.0)], 4.0),
    ],
)
def test_what_runs_side_by_side_counts_once(spans: list[tuple[float, float]], length: float) -> None:
    assert union(spans) == length


def _post(url: str, body: Mapping[str, Any]) -> Any:
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_the_endpoint_answers_by_script_and_says_what_had_no_answer() -> None:
    with Endpoint(latency=0.0) as endpoint:
        endpoint.reset(mini_script)
        said = _post(endpoint.url, {"messages": [{"role": "user", "content": "x"}]})
        assert said["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "bash"
        assert len(endpoint.calls) == 1
        assert in_flight(endpoint.calls) >= 0.0
        with pytest.raises(urllib.error.HTTPError):
            _post(endpoint.url, {"messages": [{"role": "assistant", "content": "x"}] * 9})
        assert len(endpoint.problems) == 1


def test_the_door_lets_nothing_through_and_counts() -> None:
    with ClosedDoor() as door:
        outside = urllib.request.build_opener(urllib.request.ProxyHandler({"http": door.url}))
        with pytest.raises(urllib.error.HTTPError):
            outside.open("http://example.invalid/", timeout=10)
        assert door.tried == ["GET http://example.invalid/"]


def test_all_scripts_write_the_same_fix() -> None:
    assert BUG.count(OLD) == 1
    fixed = BUG.replace(OLD, peers_contestants.NEW)
    assert peers_contestants.changed_as_scripted(fixed, peers_contestants.TEST_TEXT)
    assert not peers_contestants.changed_as_scripted(BUG, peers_contestants.TEST_TEXT)
    aider = aider_script({"messages": [{"role": "user", "content": "clamp_page"}]})["content"]
    assert peers_contestants.NEW in aider
    assert (
        "fix:" in aider_script({"messages": [{"role": "system", "content": "a commit message"}]})["content"]
    )


@pytest.mark.parametrize(
    ("form", "prompt", "kind"),
    [
        ("Proposals", "", Proposals),
        ("Proposals", "## Tests made from the issue, which must pass", Proposals),
        ("DesignReply", "", DesignReply),
        ("RepairReply", "", RepairReply),
        ("Explanations", "", Explanations),
        ("Verdict", "", Verdict),
    ],
)
def test_our_script_answers_in_our_forms(form: str, prompt: str, kind: Any) -> None:
    body = {
        "messages": [{"role": "user", "content": prompt}],
        "response_format": {"type": "json_schema", "json_schema": {"name": form}},
    }
    kind.model_validate_json(script(body)["content"])


def test_the_comparison_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        peers_overhead.main(["--help"])
    assert "beyond" in capsys.readouterr().out


def test_test_times_are_read_from_the_wrapper(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("10.5 11.0\n12.0 13.5\n")
    assert union(peers_overhead._wrapper_spans(tmp_path / "log")) == 2.0
    assert peers_overhead._wrapper_spans(tmp_path / "none") == []
