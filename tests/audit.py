"""Known vulnerabilities of locked packages: ``python -m tests.audit REQUIREMENTS``.

Asks PyPI and, where that gives no advisories, OSV, by pip-audit. A mirror may hold neither and yet
tell what PyPI knows of the newest release of a package: then the pins that are the newest releases
are judged by that, and the others are named. Ends with 0 if no vulnerability is known, with 1 if
one is, and with 3 if nothing is known of some packages or of all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

SERVICES = ("pypi", "osv")
NOT_ASKED = 3
PIP_AUDIT = (sys.executable, "-m", "pip_audit")
PROJECT = "https://pypi.org/pypi/{}/json"
LIMIT_S = 20

Page = dict[str, Any]
ELSEWHERE = (
    "run make audit where https://pypi.org/pypi/PACKAGE/VERSION/json or https://api.osv.dev answers"
)


def project_page(name: str) -> Page:
    """What PyPI says of a project and of its newest release."""
    with urllib.request.urlopen(PROJECT.format(name), timeout=LIMIT_S) as answer:
        page: Page = json.load(answer)
    return page


def main(
    requirements: str,
    program: tuple[str, ...] = PIP_AUDIT,
    page_of: Callable[[str], Page] = project_page,
) -> int:
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
            packages = json.loads(asked.stdout)["dependencies"]
            return _report(packages, f"{Path(requirements).name}, by {service}")
        said = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        reasons.append(f"{service}: {said[-1][:200]}")
    return _by_newest_releases(Path(requirements), "; ".join(reasons), page_of)


def _by_newest_releases(requirements: Path, reasons: str, page_of: Callable[[str], Page]) -> int:
    pins = pinned(requirements.read_text("utf-8"))
    names = sorted({name for name, _ in pins})
    try:
        with ThreadPoolExecutor(4) as pool:
            pages = dict(zip(names, pool.map(page_of, names), strict=True))
    except (OSError, ValueError) as error:
        print(
            f"audit: no advisories could be asked for, so nothing is known of the packages in "
            f"{requirements} ({reasons}; pypi.org/pypi/PACKAGE/json: {error}): {ELSEWHERE}",
            file=sys.stderr,
        )
        return NOT_ASKED
    judged, unknown = [], []
    for name, version in pins:
        if version == pages[name]["info"]["version"]:
            known = [
                {"id": one["id"], "fix_versions": one["fixed_in"]}
                for one in pages[name]["vulnerabilities"]
                if not one.get("withdrawn")
            ]
            judged.append({"name": name, "version": version, "vulns": known})
        else:
            unknown.append(f"{name} {version}")
    found = _report(judged, f"{requirements.name} that are the newest releases, by PyPI")
    if unknown:
        print(
            f"audit: nothing is known of older releases ({len(unknown)}), as only advisories of "
            f"newest ones could be asked for: {', '.join(unknown)} ({reasons}): {ELSEWHERE}",
            file=sys.stderr,
        )
    return found or (NOT_ASKED if unknown else 0)


def pinned(requirements: str) -> list[tuple[str, str]]:
    """Name and version of every pin, those for other Pythons, too."""
    lines = [line.rstrip("\\ ") for line in requirements.splitlines()]
    pins = [Requirement(line) for line in lines if line[:1].isalnum()]
    return sorted({(pin.name, str(pin.specifier).removeprefix("==")) for pin in pins})


def _report(packages: list[dict[str, Any]], what: str) -> int:
    found = [(one, known) for one in packages for known in one.get("vulns", ())]
    for one, known in found:
        fixed = ", ".join(known["fix_versions"]) or "no version"
        print(f"{one['name']} {one['version']}: {known['id']}, mended in {fixed}")
    verdict = "no known vulnerability" if not found else f"{len(found)} known vulnerabilities"
    print(f"{len(packages)} packages of {what}: {verdict}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
