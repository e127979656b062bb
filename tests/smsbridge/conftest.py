"""A bridge between a chat, in which Ann writes and Ben does not read, and a network of phones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.smsbridge.upstreams import Chat, Network

if TYPE_CHECKING:  # the apps are not loaded yet when this file is
    from collections.abc import Iterator

    from smsbridge.models import Bridge


@pytest.fixture
def bridge(db: None) -> Bridge:
    """Ann and Ben are entered by an operator, so nobody is asked; nothing outside can be reached."""
    from tests import factories

    made = factories.bridge()
    factories.contact(made.hook.chat_app, factories.ANN, phone="")
    factories.contact(made.hook.chat_app, factories.BEN)
    return made


@pytest.fixture
def network(bridge: Bridge) -> Iterator[Network]:
    """The fake vendor's network behind the bridge's account; it accepts everything unless told otherwise."""
    with Network() as network:
        from tests import factories

        account = bridge.pool.numbers.all()[0].account
        account.options = {"url": network.url}
        account.save()
        factories.forget()
        yield network


@pytest.fixture
def chat(bridge: Bridge) -> Iterator[Chat]:
    """The platform behind the bridge's chat app."""
    with Chat() as chat:
        from tests import factories

        app = bridge.hook.chat_app
        app.options = {**app.options, "api_url": chat.url}
        app.save()
        factories.forget()
        yield chat
