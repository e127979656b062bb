"""Lanes: calls to one receiver wait for one another, and for nobody else."""

from urllib.parse import urlsplit


def lane(url: str) -> str:
    """One lane for each URL path, so that texts do not wait behind receipts."""
    target = urlsplit(url)
    return f"{target.scheme}://{target.netloc}{target.path}"
