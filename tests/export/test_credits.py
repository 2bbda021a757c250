"""Whose recordings a model learned from, and what their licences ask for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from export.data.credits import source_of, sources_list, write_credits, write_notice

CLIPS = [
    {"path": "1-100032-A-0.opus", "label": "dog", "licence": "CC0", "credit": "nfrae",
     "group": "freesound:100032"},
    {"path": "a.opus", "label": "rain", "licence": "CC BY 3.0", "credit": "A\nB",
     "group": "freesound:7"},
    {"path": "b.opus", "label": "rain", "licence": "CC0 1.0", "credit": "C",
     "group": "freesound:8"},
]  # fmt: skip


def test_every_source_is_listed_with_its_clips_and_licences() -> None:
    assert sources_list(CLIPS).splitlines() == [
        "- Freesound, <https://freesound.org>: 2 clips, CC BY 3.0, CC0 1.0",
        "- ESC-50, <https://github.com/karolpiczak/ESC-50>: 1 clip, CC0",
    ]


def test_every_clip_is_credited_in_one_line(tmp_path: Path) -> None:
    write_credits(tmp_path, CLIPS)
    with (tmp_path / "CREDITS.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["credit"] for row in rows] == ["nfrae", "A B", "C"]
    assert rows[1]["source"] == "https://freesound.org/s/7/"


def test_a_notice_goes_with_borrowed_weights(tmp_path: Path) -> None:
    write_notice(tmp_path, {"semantic_tower": "EfficientAT mn04_as (MIT), made causal"})
    text = (tmp_path / "NOTICE").read_text()
    assert "MIT License" in text
    assert "Copyright (c) 2022 Florian Schmid" in text


def test_no_notice_without_borrowed_weights(tmp_path: Path) -> None:
    (tmp_path / "NOTICE").write_text("old")
    write_notice(tmp_path, {"tagger": "EfficientAT mn04_as: posteriors"})
    assert not (tmp_path / "NOTICE").exists()


@pytest.mark.parametrize(
    ("group", "path", "url"),
    [
        ("freesound:100032", "1-100032-A-0.opus", "https://github.com/karolpiczak/ESC-50"),
        ("freesound:128907", "rain_0006.opus", "https://freesound.org/s/128907/"),
        ("fredbuhl/EmoGator: x", "a.opus", "https://github.com/fredbuhl/EmoGator"),
        ("speechocean762:12", "a.opus", "https://www.openslr.org/101"),
        ("Nobody: at all", "a.opus", ""),
    ],
)
def test_sources_say_where_they_are(group: str, path: str, url: str) -> None:
    assert source_of({"group": group, "path": path}).url == url
