"""How anybody's ids are put into addresses."""

from urllib.parse import quote


def segment(text: str) -> str:
    """Any text as exactly one segment of a path; dots are escaped where they would be read as directions."""
    quoted = quote(text, safe="", errors="replace")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted
