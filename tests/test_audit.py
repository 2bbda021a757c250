"""What ``make audit`` says, with a program in place of pip-audit: advisories need a network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.audit import NOT_ASKED, Page, main, pinned

REQUIREMENTS = """\
# made by make lock
anyio==4.16.0 ; sys_platform == 'linux' \\
    --hash=sha256:00
numpy==2.2.6 ; python_full_version < '3.11' \\
    --hash=sha256:11
numpy==2.5.5 ; python_full_version >= '3.11' \\
    --hash=sha256:22
"""


def nothing(name: str) -> Page:
    raise OSError("the name cannot be resolved")


def audit(folder: Path, answers: dict[str, Any], pages: dict[str, Page] | None = None) -> int:
    """Audit with a pip-audit that prints ``answers`` by service, or fails as the real one does.

    ``pages`` are what a mirror of PyPI tells of projects.
    """
    (folder / "answers.json").write_text(json.dumps(answers))
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    program = folder / "stand_in.py"
    program.write_text(
        "import json, pathlib, sys\n"
        "service = sys.argv[sys.argv.index('--vulnerability-service') + 1]\n"
        "answers = json.loads(pathlib.Path(__file__).with_name('answers.json').read_text())\n"
        "if service not in answers:\n"
        "    sys.exit('Traceback ...\\nConnectionError: api.osv.dev cannot be resolved')\n"
        "print(json.dumps({'dependencies': answers[service]}))\n"
    )
    page_of = nothing if pages is None else pages.__getitem__
    return main(str(folder / "requirements.txt"), (sys.executable, str(program)), page_of)


def package(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"name": "anyio", "version": "4.16.0", "vulns": list(vulnerabilities)}


def page(version: str, *vulnerabilities: dict[str, Any]) -> Page:
    return {"info": {"version": version}, "vulnerabilities": list(vulnerabilities)}


def test_without_advisories_it_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(tmp_path, {}) == NOT_ASKED
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("audit: no advisories could be asked for, so nothing is known")
    assert "osv: ConnectionError: api.osv.dev cannot be resolved" in line
    assert "the name cannot be resolved" in line


def test_the_second_service_counts_where_the_first_gives_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(tmp_path, {"osv": [package()]}) == 0
    assert "1 packages of requirements.txt, by osv: no known" in capsys.readouterr().out


def test_a_vulnerability_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"id": "PYSEC-1", "fix_versions": ["4.17"]}
    assert audit(tmp_path, {"pypi": [package(known)]}) == 1
    assert "anyio 4.16.0: PYSEC-1, mended in 4.17" in capsys.readouterr().out


def test_a_mirror_judges_the_newest_releases_and_the_others_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = {"anyio": page("4.16.0"), "numpy": page("2.5.5")}
    assert audit(tmp_path, {}, pages) == NOT_ASKED
    printed = capsys.readouterr()
    newest = "2 packages of requirements.txt that are the newest releases, by PyPI"
    assert printed.out.strip() == f"{newest}: no known vulnerability"
    assert "nothing is known of older releases (1)" in printed.err
    assert "newest ones could be asked for: numpy 2.2.6 (pypi: " in printed.err


def test_a_vulnerable_newest_release_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"id": "PYSEC-2", "fixed_in": []}
    taken_back = {"id": "PYSEC-3", "fixed_in": [], "withdrawn": "2026-01-01T00:00:00Z"}
    pages = {"anyio": page("4.16.0", known, taken_back), "numpy": page("2.5.5")}
    assert audit(tmp_path, {}, pages) == 1
    said = capsys.readouterr().out
    assert "anyio 4.16.0: PYSEC-2, mended in no version" in said
    assert "PYSEC-3" not in said


def test_every_pin_of_the_service_is_read() -> None:
    assert pinned(REQUIREMENTS) == [("anyio", "4.16.0"), ("numpy", "2.2.6"), ("numpy", "2.5.5")]
    lock = Path("examples/service/requirements-outputs.txt").read_text()
    assert len(pinned(lock)) == len({
        line.split(" ")[0] for line in lock.splitlines() if "==" in line and line[0] != " "
    })  # fmt: skip
