"""Known vulnerabilities of the pinned packages, by pip-audit: fails for one, and says aloud what was not asked.

python .ci/audit.py                     packages that the advisory service does not know are named, and pass
AUDIT_REQUIRED=on python .ci/audit.py   they fail: for machines that are meant to reach the service
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILES = ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt")
REQUIRED = os.environ.get("AUDIT_REQUIRED", "").lower() in ("on", "1", "true", "yes")


def report(path: str) -> list[dict[str, Any]]:
    """pip-audit's findings on the pinned packages of one file. Raises RuntimeError when it could ask nobody."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "-f", "json", "--progress-spinner=off"]
    pinned = "".join(line for line in Path(path).read_text().splitlines(keepends=True) if not line.startswith("-r"))
    done = subprocess.run([*command, "-r", "/dev/stdin"], input=pinned, capture_output=True, text=True)  # noqa: S603
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no answer") from None
    return found


def verdict(found: Sequence[dict[str, Any]], *, required: bool) -> tuple[int, list[str]]:
    """The exit status, and what to print."""
    bad = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in found
        for flaw in one.get("vulns", [])
    ]
    unasked = sorted({one["name"] for one in found if "skip_reason" in one})
    asked = len({one["name"] for one in found}) - len(unasked)
    lines = [*bad, f"{asked} packages were asked about, {len(bad)} known vulnerabilities."]
    if unasked:
        lines.append(f"NOT AUDITED, as the advisory service gave no answer about them: {', '.join(unasked)}.")
    return int(bool(bad) or (required and bool(unasked))), lines


def main() -> int:
    try:
        found = [one for path in FILES for one in report(path)]
    except RuntimeError as error:
        print(f"NOT AUDITED: the advisory service cannot be reached ({error}).")  # noqa: T201
        return int(REQUIRED)
    status, lines = verdict(found, required=REQUIRED)
    print("\n".join(lines))  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())
