"""What `make audit` makes of pip-audit's findings: it passes over no vulnerability, nor over not having asked."""

import importlib.util
from typing import Any

from tests.processes import ROOT

_SPEC = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
assert _SPEC is not None
assert _SPEC.loader is not None
audit: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(audit)

GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


def test_a_known_vulnerability_fails_and_names_the_version_that_mends_it() -> None:
    status, lines = audit.verdict([GOOD, BAD], required=False)
    assert status == 1
    assert lines[0] == "bad 2: CVE-1, mended in 3"


def test_without_any_it_passes_and_says_how_many_were_asked_about() -> None:
    assert audit.verdict([GOOD], required=True) == (0, ["1 packages were asked about, 0 known vulnerabilities."])


def test_what_could_not_be_asked_about_is_named_and_fails_where_it_is_required() -> None:
    status, lines = audit.verdict([GOOD, UNKNOWN], required=False)
    assert (status, lines[-1].startswith("NOT AUDITED")) == (0, True)
    assert "unknown" in lines[-1]
    assert audit.verdict([GOOD, UNKNOWN], required=True)[0] == 1
