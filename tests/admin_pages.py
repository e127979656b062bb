"""The admin as a browser asks for it, for tests of its pages."""

from typing import Any
from urllib.parse import quote

from django.test import Client


class Pages:
    """The admin's pages of one app."""

    def __init__(self, app: str) -> None:
        self.app = app

    def url(self, page: str, *rest: object) -> str:
        return f"/admin/{self.app}/" + "/".join(map(str, [page, *rest])) + "/"

    def run_action(self, client: Client, page: str, action: str, rows: list[Any]) -> str:
        """Run an action on rows of a list; the page that follows."""
        values = {"action": action, "_selected_action": [row.pk for row in rows]}
        return client.post(self.url(page), values, follow=True).content.decode()

    def found(self, client: Client, page: str, words: str) -> set[Any]:
        """Primary keys of the rows that a search shows."""
        return {row.pk for row in client.get(self.url(page) + f"?q={quote(words)}").context["cl"].result_list}


def html(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()
