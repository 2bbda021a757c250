"""Known vulnerabilities of locked packages: ``python -m tests.audit REQUIREMENTS``, by pip-audit.

Asks PyPI and, where that gives no advisories, OSV. Ends with 0 if none is known, with 1 if one is,
and with 3 if neither could be asked: then nothing is known, and that is said in one sentence.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVICES = ("pypi", "osv")
NOT_ASKED = 3


def main(requirements: str, program: tuple[str, ...] = (sys.executable, "-m", "pip_audit")) -> int:
    """Ask one service after the other; the first that answers counts."""
    reasons = []
    for service in SERVICES:
        asked = subprocess.run(
            [*program, "--strict", "--disable-pip", "--progress-spinner", "off",
             "--format", "json", "--vulnerability-service", service,
             "--requirement", requirements],
            capture_output=True, text=True,
        )  # fmt: skip
        if asked.stdout.strip():
            return _report(json.loads(asked.stdout)["dependencies"], service, requirements)
        said = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        reasons.append(f"{service}: {said[-1][:200]}")
    print(
        f"audit: no advisories could be asked for, so nothing is known of the packages in "
        f"{requirements} ({'; '.join(reasons)}): run make audit where "
        "https://pypi.org/pypi/PACKAGE/VERSION/json or https://api.osv.dev answers",
        file=sys.stderr,
    )
    return NOT_ASKED


def _report(packages: list[dict[str, Any]], service: str, requirements: str) -> int:
    found = [(one, known) for one in packages for known in one.get("vulns", ())]
    for one, known in found:
        fixed = ", ".join(known["fix_versions"]) or "no version"
        print(f"{one['name']} {one['version']}: {known['id']}, mended in {fixed}")
    verdict = "no known vulnerability" if not found else f"{len(found)} known vulnerabilities"
    print(f"{len(packages)} packages of {Path(requirements).name}, by {service}: {verdict}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
