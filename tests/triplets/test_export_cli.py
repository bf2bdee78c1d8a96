"""``codeagent export`` as it is called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.main import USAGE, app


def export(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["export", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def manifest(out: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(out.with_name(out.name + ".manifest.json").read_text())
    return body


@pytest.fixture
def runs(solved: Path, unsolved: Path, tmp_path: Path) -> Path:
    """As a service keeps them: a directory per run."""
    place = tmp_path / "runs"
    for name, path in (("one", solved), ("two", unsolved)):
        (place / name).mkdir(parents=True)
        shutil.copy(path, place / name / "journal.jsonl")
    return place


@pytest.mark.parametrize("form", ["triplets", "masked", "sft", "preferences"])
def test_runs_become_a_file_and_a_manifest(form: str, runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "data.jsonl"
    said = export(runs, "--format", form, "--out", out)
    lines = out.read_bytes().splitlines()
    assert said.startswith(f"{len(lines)} lines of ")
    assert all(json.loads(line) for line in lines)
    about = manifest(out)
    assert (about["format"], about["version"], about["lines"]) == (form, 1, len(lines))
    assert about["left_out"] == {}
    assert not out.with_name("data.jsonl.partial").exists()


def test_the_same_runs_make_the_same_file(runs: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    export(runs, "--out", one)
    export(runs / "two", runs / "one" / "journal.jsonl", runs / "one", "--out", two)
    assert sorted(one.read_bytes().splitlines()) == sorted(two.read_bytes().splitlines())
    assert manifest(one) == manifest(two)


def test_a_sample_and_the_sides_of_a_split(runs: Path, tmp_path: Path) -> None:
    whole, sample = tmp_path / "whole.jsonl", tmp_path / "sample.jsonl"
    export(runs, "--out", whole)
    export(runs, "--out", sample, "--sample", 1, "--seed", 3)
    assert len(manifest(sample)["tasks"]) == 1
    seed = next(seed for seed in range(100) if _sides(runs, tmp_path, seed)[1]["tasks"])
    train, evaluation = _sides(runs, tmp_path, seed)
    assert not set(train["tasks"]) & set(evaluation["tasks"])
    assert not set(train["repositories"]) & set(evaluation["repositories"])
    assert sorted([*train["tasks"], *evaluation["tasks"]]) == manifest(whole)["tasks"]


def _sides(runs: Path, place: Path, seed: int) -> list[dict[str, Any]]:
    found = []
    for side in ("train", "eval"):
        out = place / f"{side}-{seed}.jsonl"
        export(runs, "--out", out, "--split", side, "--seed", seed)
        found.append(manifest(out))
    return found


def test_shared_problems_are_refused_when_there_must_be_none(runs: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    export(runs / "one", "--out", first)
    beside = tmp_path / "first.jsonl.manifest.json"
    said = export(runs, "--out", second, "--disjoint-from", beside, code=USAGE)
    assert "nothing was written" in " ".join(said.split())
    assert not second.exists()
    assert not second.with_name("second.jsonl.manifest.json").exists()
    export(runs / "two", "--out", second, "--disjoint-from", beside)
    export(runs, "--out", second, "--disjoint-from", first, code=USAGE)


def test_the_secrets_of_the_settings_are_taken_out(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEAGENT_WEBHOOK_SECRET", "because of e7 right")  # what a journal says, for once
    out = tmp_path / "data.jsonl"
    export(runs, "--out", out)
    assert "because of e1 wrong value" in out.read_text()
    assert "because of e7 right" not in out.read_text()
    shown = CliRunner().invoke(app, ["show", str(runs / "one"), "--json"]).output
    assert "because of e1 wrong value" in shown
    assert "because of e7 right" not in shown


def test_bad_usage(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert "no journal" in export(tmp_path / "nowhere", "--out", out, code=USAGE)
    assert "no journal" in export(tmp_path, "--out", out, code=USAGE)
    assert not out.exists()
