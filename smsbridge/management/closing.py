"""What the commands have in common that end texts as they are."""

from typing import Any

from django.core.management.base import CommandParser

from smsbridge.management.decisions import DecidingCommand


class ClosingCommand(DecidingCommand):
    """Comes before the class that says which texts; keeps with each of them why it was closed."""

    done = "Closed"

    def end(self, ids: list[Any], who: str, why: str) -> list[Any]:
        """End these rows; the keys of those to which it applied."""
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--why", default="by command", help="kept with each of them")

    def outlook(self, row: Any) -> str:
        return "closed"

    def decide(self, ids: list[Any], options: dict[str, Any]) -> list[Any]:
        return self.end(ids, options["by"], options["why"])
