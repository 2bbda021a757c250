"""The guide: commands parse, programs compile, links lead somewhere, references are the code's."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import elsa_rt
from elsa_rt.cli import main, parser
from elsa_rt.cli.options import Parser
from elsa_rt.errors import UsageError
from elsa_rt.guide import page, topics
from elsa_rt.user_files.yaml_lines import load_plain
from export.__main__ import TOOLS
from tests.guide import demo_output
from tests.guide.picture import PATH as PICTURE
from tests.guide.picture import SIDE, STAGES, svg
from tests.guide.reference import PAGES, REFERENCES, with_reference

ROOT = Path(__file__).parents[2]
FILES = sorted([ROOT / "README.md", *PAGES.glob("*.md")])

Capture = pytest.CaptureFixture[str]


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Every fenced block of ``language`` ("" is none) with the name of its file."""
    for path in FILES:
        text = path.read_text("utf-8")
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield path.name, block


def commands(block: str) -> Iterator[list[str]]:
    """The simple commands of a shell block or a transcript: words, without redirections."""
    transcript = any(line.startswith("$ ") for line in block.splitlines())
    text = re.sub(
        r"\\\n|\|\s*\n|&&\s*\n", lambda m: m[0].replace("\n", " ").replace("\\", ""), block
    )
    for line in text.splitlines():
        if transcript and not line.startswith("$ "):
            continue
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>()")
        lexer.commenters, lexer.whitespace_split = "#", True
        try:
            words = list(lexer)
        except ValueError:
            continue  # a quoted program of jq that goes on in the next line
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set("|&;()"):
                if command:
                    yield command
                command = []
            else:
                command.append(word)


ELSA = [
    (name, command)
    for language in ("sh", "")
    for name, block in blocks(language)
    for command in commands(block)
    if command[0] == "elsa-rt"
]


@pytest.mark.parametrize(("name", "command"), ELSA, ids=[" ".join(c) for _, c in ELSA])
def test_commands_are_understood(
    name: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Parser, message: str) -> None:
        raise AssertionError(f"{name}: {' '.join(command)}: {message}")

    monkeypatch.setattr(Parser, "error", refuse)
    words = [word for word in command[1:] if word not in ("<", ">", "..", "...")]
    parser().parse_args(words)


def test_enough_commands_are_looked_at() -> None:
    assert len(ELSA) > 30


def test_tools_of_export_exist() -> None:
    named = {
        tool
        for path in [*FILES, ROOT / "export" / "README.md", ROOT / "calibration" / "README.md"]
        for tool in re.findall(r"python -m export ([a-z][a-z-]*)", path.read_text("utf-8"))
    }
    assert named <= set(TOOLS) | {"TOOL"}
    assert named


@pytest.mark.parametrize(("name", "block"), list(blocks("python")))
def test_programs_compile_and_use_public_names(name: str, block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        match node:
            case ast.Attribute(value=ast.Name(id="elsa_rt"), attr=public):
                assert hasattr(elsa_rt, public), f"{name}: elsa_rt.{public}"


@pytest.mark.parametrize(
    "block", [block for _, block in blocks("python") if 'source="room.wav"' in block]
)
def test_programs_on_a_recording_run(
    block: str, bundle: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsa_rt.encoder.bundle.DEFAULT", bundle)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "room.wav").symlink_to(recording)
    exec(compile(block, "guide", "exec"), {})


def test_links_lead_to_pages_and_files() -> None:
    for path in FILES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("topic", list(REFERENCES))
def test_references_are_what_the_code_says(topic: str) -> None:
    text = page(topic)
    assert with_reference(text, REFERENCES[topic]()) == text, (
        "python -m tests.guide.reference --write"
    )


def test_the_picture_shows_rooms_that_exist() -> None:
    assert PICTURE.read_text("utf-8") == "\n".join(svg()) + "\n", (
        "python -m tests.guide.picture --write"
    )
    rooms = {stage.room for stage in STAGES} | {room for room, _ in SIDE.values()}
    assert rooms <= {path.stem for path in (ROOT / "elsa_rt").iterdir()}


def test_every_public_name_is_in_the_api() -> None:
    named = re.findall(r"^::: elsa_rt\.(\w+)$", page("api"), re.MULTILINE)
    assert named == [name for name in elsa_rt.__all__ if not name.startswith("__")]


def test_the_guide_is_read_in_a_terminal(capsys: Capture) -> None:
    assert main(["guide"]) == 0
    listed = capsys.readouterr().out
    assert all(topic in listed and title in listed for topic, title in topics().items())
    assert main(["guide", "microphones"]) == 0
    assert capsys.readouterr().out.startswith("# Microphones")
    assert main(["guide", "microfones"]) == 2
    assert "did you mean elsa-rt guide microphones?" in capsys.readouterr().err


def test_every_page_is_in_the_site_and_on_its_first_page() -> None:
    site = load_plain(ROOT / "mkdocs.yml")
    listed = [page for entry in site["nav"] for page in _pages(entry)]
    assert sorted(listed) == sorted(path.name for path in PAGES.glob("*.md"))
    first = page("index")
    assert [name for name in listed if f"]({name})" not in first] == ["index.md"]


def _pages(entry: str | dict[str, list[str]]) -> list[str]:
    return [entry] if isinstance(entry, str) else [one for many in entry.values() for one in many]


def test_every_page_has_a_title() -> None:
    assert all(topics().values())
    with pytest.raises(UsageError, match="there is no such page"):
        page("../errors")


@pytest.mark.parametrize("file", demo_output.FILES, ids=lambda file: file.name)
def test_the_output_of_the_demo_is_what_it_prints(file: Path) -> None:
    """Other processors add up in another order: figures may differ a little."""
    number = re.compile(r"-?\d+(?:\.\d+)?")
    printed, shown = demo_output.starts(), demo_output.shown(file.read_text(encoding="utf-8"))
    assert [number.sub("", line) for line in shown] == [number.sub("", line) for line in printed]
    for here, there in zip(shown, printed, strict=True):
        figures = [[float(one) for one in number.findall(line)] for line in (here, there)]
        (time_s, azimuth_deg, *scores), expected = figures
        assert [time_s, *scores] == pytest.approx([expected[0], *expected[2:]], abs=0.01)
        assert azimuth_deg == pytest.approx(expected[1], abs=1)
