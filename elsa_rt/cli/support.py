"""``elsa-rt support``: one archive for a bug report, without sound and without secrets."""

from __future__ import annotations

import argparse
import io
import json
import platform
import re
import sys
import tarfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from elsa_rt.cli.options import Commands, add_command
from elsa_rt.config import Config
from elsa_rt.diagnostics.check import Check
from elsa_rt.files import check_target, read_user_text, replacing

MORE = """\
Writes versions, what doctor says of model, engine and computer, and the rules file if you name one.
No sound, no recording and, unless you ask, no prompts: they are replaced by their length. Secrets
(passwords, tokens, addresses with a user) are always removed. Look into it before you send it.

  elsa-rt support
  elsa-rt support --config rules.yaml --with-prompts -o report.tar.gz
"""

PACKAGES = ("elsa-rt", "numpy", "numba", "rocket-fft", "onnxruntime", "tokenizers", "sounddevice",
            "soundfile", "soxr", "rich", "PyYAML", "platformdirs")  # fmt: skip
SECRET = re.compile(
    r"(?im)^(\s*-?\s*[\w.-]*(?:pass(?:word|phrase)?|token|secret|key|user(?:name)?|auth)[\w.-]*"
    r"\s*[:=]\s*)(.+)$"
)
ADDRESS = re.compile(r"(\w+://)[^/\s@]+@")
PROMPT = re.compile(r"(?im)^(\s*-?\s*(?:prompt|prompts|but_not|id)\s*:\s*)(.+)$")


def add(commands: Commands) -> None:
    parser = add_command(commands, "support", run, "write an archive for a bug report", MORE)
    parser.add_argument("--config", metavar="RULES", help="a rules file to add")
    parser.add_argument("--with-prompts", action="store_true", help="leave the prompts in it")
    parser.add_argument(
        "-o", "--output", default="elsa-rt-support.tar.gz", metavar="FILE",
        help="where to (default: elsa-rt-support.tar.gz)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    path = check_target(arguments.output)
    parts = dict(_parts())
    if arguments.config:
        parts["rules.yaml"] = without_secrets(
            read_user_text(Path(arguments.config)), prompts=arguments.with_prompts
        )
    with replacing(path, private=True) as part, tarfile.open(part, "w:gz") as archive:
        for name, text in parts.items():
            data = text.encode("utf-8", "backslashreplace")
            entry = tarfile.TarInfo(f"elsa-rt-support/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    print(f"wrote {path}: {', '.join(parts)}; look into it before you send it")
    return 0


def _parts() -> Iterator[tuple[str, str]]:
    yield "versions.json", json.dumps(_versions(), indent=1)
    yield "doctor.json", json.dumps([check._asdict() for check in _checks()], indent=1)


def _versions() -> dict[str, str]:
    found = {"python": sys.version, "platform": platform.platform(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def _checks() -> Iterator[Check]:
    from elsa_rt.diagnostics.computer import (
        check_cache,
        check_governor,
        check_model,
        check_permissions,
    )
    from elsa_rt.diagnostics.engines import check_engines

    config = Config()
    yield from check_model(config)
    yield from check_engines(config)
    yield check_cache()
    yield check_governor()
    yield check_permissions()


def without_secrets(text: str, *, prompts: bool) -> str:
    """``text`` of a rules file without secrets and, unless ``prompts``, without what it says."""
    text = SECRET.sub(r"\1REMOVED", text)
    text = ADDRESS.sub(r"\1REMOVED@", text)
    if not prompts:
        text = PROMPT.sub(lambda found: f"{found[1]}({len(found[2])} characters)", text)
    return text
