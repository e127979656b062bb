"""Which answers of a platform's HTTP API are done, which are worth repeating, and which are refusals.

The same for every platform. What differs, its words and its remedies, each platform's own module gives.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from notifier.platforms.values import Done, Later, No, Reading
from notifier.texts import loads_object
from notifier.wire import Answer, Failure, Response, Unreadable, retry_after_seconds

T = TypeVar("T")

#: Request Timeout, Too Early, Too Many Requests (RFC 9110, RFC 8470, RFC 6585); all 5xx as well
_AGAIN = (408, 425, 429)


def _header(response: Response) -> float | None:
    return retry_after_seconds(response.headers)


@dataclass(frozen=True, slots=True)
class Answers:
    """How the answers of one platform are read.

    `said` is a sentence about an answer, without what people wrote; `remedy` what to do about a refusal; `after` how
    many seconds the platform wants us to wait.
    """

    title: str
    said: Callable[[Response], str]
    remedy: Callable[[Response], str]
    after: Callable[[Response], float | None] = _header

    def accepted(self, answer: Answer) -> Response | Later | No:
        """The answer itself when it is a 2xx."""
        if isinstance(answer, Failure):
            return Later(answer.detail)
        if 200 <= answer.status < 300:
            return answer
        if answer.status in _AGAIN or answer.status >= 500:
            return Later(self.said(answer), self.after(answer))
        return No(f"{self.said(answer)}: {self.remedy(answer)}")

    def read(self, answer: Answer, reader: Callable[[bytes], T]) -> Reading[T]:
        """What `reader` makes of a 2xx's body; a body that it finds Unreadable is worth asking for again."""
        response = self.accepted(answer)
        if not isinstance(response, Response):
            return response
        try:
            return Done(reader(response.body))
        except Unreadable as error:
            return Later(f"{self.title} answered {response.status}, but {error}")

    def read_object(self, answer: Answer, reader: Callable[[Mapping[str, Any]], T]) -> Reading[T]:
        """As `read`, of a body that is a JSON object."""
        return self.read(answer, lambda body: reader(loads_object(body)))

    def done(self, answer: Answer) -> Reading[None]:
        """For a call where only the status counts."""
        response = self.accepted(answer)
        return Done(None) if isinstance(response, Response) else response
