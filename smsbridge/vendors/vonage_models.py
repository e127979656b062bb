"""Values put into the models of the `vonage` package, and back out as the package would put them on the wire."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from smsbridge.vendors.answers import has_utf8


def dumped(model: type[BaseModel], fields: Mapping[str, object]) -> dict[str, Any]:
    """The fields by their names on the wire. Raises ValueError, without phone or text, for what the model refuses."""
    try:
        made = model.model_validate(fields)
    except ValidationError as problem:
        # the exception itself shows phone and text, so only the names of the fields go on
        wrong = {str(name) for error in problem.errors(include_input=False) for name in error["loc"]}
    else:
        return made.model_dump(mode="json", by_alias=True, exclude_none=True)
    raise ValueError(f"Vonage takes no such {' or '.join(sorted(wrong))}")


def digits(phone: str, whose: str) -> str:
    """A phone as Vonage writes it, without its plus. Raises ValueError without the phone."""
    bare = phone.removeprefix("+")
    if bare == phone or not (bare.isascii() and bare.isdecimal() and 7 <= len(bare) <= 15):
        raise ValueError(f"the {whose} is not a phone number of the form +12025550100")
    return bare


def check_text(text: str, most: int) -> None:
    """Raises ValueError, without the text, for one that cannot be sent."""
    if not text or len(text) > most:
        raise ValueError(f"the text is empty or has more than {most} characters")
    if not has_utf8(text):
        raise ValueError("Vonage takes no such text: it has no UTF-8 form")
