"""Whether a list that comes page by page, and says how many rows it has, was told as a whole.

A number that a list leaves out would be bought a second time, or be taken for one that was given back.
"""

from collections.abc import Iterable

from smsbridge.vendors.base import OwnedNumber, VendorError


class Listing:
    """One reading of a list, from its first page on."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._told = 0

    def add(self, rows: Iterable[OwnedNumber], told: int | None) -> bool:
        """Take in a page and the count on it, if there is one; whether the page held anything new."""
        before = len(self._seen)
        self._seen.update(row.e164 for row in rows)
        self._told = self._told if told is None else told
        return len(self._seen) > before

    @property
    def lacks_some(self) -> bool:
        """Whether the list is longer than what was read of it; what came twice counts once."""
        return len(self._seen) < self._told

    def check_whole(self, vendor: str) -> None:
        """Raises VendorError unless everything was read that the list is said to hold."""
        if self.lacks_some:
            raise VendorError(f"{vendor} lists fewer numbers than it says there are: repeat it, then ask its support")
