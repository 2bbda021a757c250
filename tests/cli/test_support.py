"""The support archive: what helps, without secrets, sound or prompts."""

from __future__ import annotations

import tarfile
from pathlib import Path

from elsa_rt.cli import main

RULES = """\
rules:
  - prompt: Anna calls from the kitchen
outputs:
  - {type: jsonl, path: a.jsonl}
  - type: mqtt
    host: broker
    password: hunter2
    token: abc.def
    url: https://me:pw@example.org/x
"""


def test_the_archive_has_no_secrets_and_no_prompts(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    target = tmp_path / "report.tar.gz"
    options = ["support", "--config", str(tmp_path / "rules.yaml"), "-o", str(target)]
    for more, known in (([], False), (["--with-prompts"], True)):
        assert main([*options, *more]) == 0
        with tarfile.open(target) as archive:
            texts = {
                name: archive.extractfile(name).read().decode()  # type: ignore[union-attr]
                for name in archive.getnames()
            }
        assert {name.rpartition("/")[2] for name in texts} == {
            "versions.json", "doctor.json", "rules.yaml",
        }  # fmt: skip
        whole = "".join(texts.values())
        for secret in ("hunter2", "abc.def", "me:pw"):
            assert secret not in whole
        assert ("Anna" in whole) == known
        assert "onnxruntime" in whole
    assert target.stat().st_mode & 0o777 == 0o600
