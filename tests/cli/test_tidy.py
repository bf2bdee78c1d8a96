"""The data directory stays bounded."""

from __future__ import annotations

import os
from pathlib import Path

from bot import engine
from bot.settings import Settings


def environment(settings: Settings, key: str, size: int, used: float) -> Path:
    place = settings.data_dir / "environments" / key
    (place / "env").mkdir(parents=True)
    (place / "env" / "blob").write_bytes(b"x" * size)
    description = place / "environment.json"
    description.write_text("{}")
    os.utime(description, (used, used))
    return place


def test_the_least_used_environments_go_first(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, cache_mib=3)
    places = [environment(settings, f"key{age}", 2 << 20, used=1000.0 - age) for age in range(3)]
    engine.tidy(settings, now=2000.0)
    assert [place.exists() for place in places] == [True, False, False]


def test_what_a_killed_fix_left_goes_after_a_day(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    old, young = tmp_path / "scratch" / "fix-old", tmp_path / "scratch" / "fix-young"
    for place, age in ((old, engine.DAY + 1), (young, engine.DAY - 1)):
        (place / "tree").mkdir(parents=True)
        os.utime(place, (10 * engine.DAY - age,) * 2)
    engine.tidy(settings, now=10 * engine.DAY)
    assert not old.exists()
    assert young.exists()
