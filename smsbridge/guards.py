"""What functions of your own get and may return that see each text before it is sent, or before it is posted.

A bridge names them: `before_sending` and `after_receiving`, each the dotted path of a function of one argument, which
returns one of

* None: the text stays as it is;
* a text: it is sent, or posted, instead;
* a `Verdict`.

If it raises, or returns anything else, nothing is sent or posted, and it is called again later. It may be called more
than once for the same text. docs/own-code.md has examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A text that is about to be made ready: in the words of the template, before the introduction and before any cut.

    `recipient`, and one of `senders` for each message, are as templates see them: name, phone, user_id, and whatever
    else is told of these people. `introduces`: the bridge's introduction will probably stand in front of it.
    """

    text: str = field(repr=False)
    introduces: bool
    recipient: Mapping[str, Any] = field(repr=False)
    senders: tuple[Mapping[str, Any], ...] = field(repr=False)
    conversation_id: str
    title: str = field(repr=False)
    message_ids: tuple[str, ...]
    chat_app: str
    bridge: str
    purpose: str = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A text that came in, is no keyword, and is about to be posted as `user_id` into the conversation.

    `text` is without the links of pictures and the like, which are `media`. `phone` (E.164) sent it, `number` is ours.
    `refused` says in words why it will not be posted, where that is not possible; it is empty otherwise.
    """

    text: str = field(repr=False)
    media: tuple[str, ...] = field(repr=False)
    phone: str = field(repr=False)
    number: str = field(repr=False)
    user_id: str
    conversation_id: str
    chat_app: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a text.

    `text` replaces it. `block`, a reason in words, keeps it from being sent or posted. `tags` are kept with it.
    `opt_out`, only of a text that came in: the phone is not texted any more, and the text is not posted.
    """

    text: str | None = field(default=None, repr=False)
    block: str = ""
    tags: Sequence[str] = ()
    opt_out: bool = False
