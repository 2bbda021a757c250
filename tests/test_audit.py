"""What ``make audit`` says, with a program in place of pip-audit: advisories need a network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.audit import NOT_ASKED, main


def audit(folder: Path, answers: dict[str, Any]) -> int:
    """Audit with a pip-audit that prints ``answers`` by service, or fails as the real one does."""
    (folder / "answers.json").write_text(json.dumps(answers))
    program = folder / "stand_in.py"
    program.write_text(
        "import json, pathlib, sys\n"
        "service = sys.argv[sys.argv.index('--vulnerability-service') + 1]\n"
        "answers = json.loads(pathlib.Path(__file__).with_name('answers.json').read_text())\n"
        "if service not in answers:\n"
        "    sys.exit('Traceback ...\\nConnectionError: api.osv.dev cannot be resolved')\n"
        "print(json.dumps({'dependencies': answers[service]}))\n"
    )
    return main(str(folder / "requirements.txt"), (sys.executable, str(program)))


def package(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"name": "anyio", "version": "4.16.0", "vulns": list(vulnerabilities)}


def test_without_advisories_it_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(tmp_path, {}) == NOT_ASKED
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("audit: no advisories could be asked for, so nothing is known")
    assert "osv: ConnectionError: api.osv.dev cannot be resolved" in line


def test_the_second_service_counts_where_the_first_gives_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(tmp_path, {"osv": [package()]}) == 0
    assert "1 packages of requirements.txt, by osv: no known" in capsys.readouterr().out


def test_a_vulnerability_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"id": "PYSEC-1", "fix_versions": ["4.17"]}
    assert audit(tmp_path, {"pypi": [package(known)]}) == 1
    assert "anyio 4.16.0: PYSEC-1, mended in 4.17" in capsys.readouterr().out
