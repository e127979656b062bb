"""Form fields that speak as people do, and a form that refuses what the services would refuse."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from notifier.durations import InvalidDuration, describe_duration, parse_duration

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

REMOVE = "-"
"""What is typed into the field of a secret to remove it: an empty field leaves it as it is."""


class DurationField(forms.CharField):
    """A duration, shown and read as "10 minutes"; a number without a unit is milliseconds."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return describe_duration(value) if isinstance(value, timedelta) else value

    def clean(self, value: Any) -> timedelta | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_duration(text)
        except InvalidDuration as error:
            raise ValidationError(_sentence(str(error))) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(parse_duration(data or "") != initial)
        except InvalidDuration:
            return True


class ListedField(forms.CharField):
    """A list of words, one per line or separated by commas."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 4}))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[str]:
        return [word for word in re.split(r"[\s,]+", super().clean(value)) if word]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return [word for word in re.split(r"[\s,]+", data or "") if word] != list(initial or [])


class PhonesField(ListedField):
    """Phones, one per line or separated by commas; blanks, dashes, dots and brackets in them count for nothing."""

    def clean(self, value: Any) -> list[str]:
        return _phones(forms.CharField.clean(self, value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _phones(data or "") != list(initial or [])


class SecretField(forms.CharField):
    """A secret that is written and never shown: its page tells at most the last two characters.

    Cleans to None when nothing was typed (keep it), to "" when it is to be removed.
    """

    def __init__(self, *, stored: str = "", **kwargs: Any) -> None:
        attrs = {"placeholder": obscured(stored), "autocomplete": "new-password"}
        told = f"Leave it empty to keep it as it is; type {REMOVE} to remove it." if stored else ""
        kwargs["help_text"] = " ".join(filter(None, [str(kwargs.get("help_text") or ""), told]))
        super().__init__(required=False, widget=UnfoldAdminPasswordWidget(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> str | None:
        typed: str = super().clean(value).strip()
        return None if not typed else "" if typed == REMOVE else typed

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data and data.strip())


class PhoneField(forms.CharField):
    """A phone number in any spelling; what it means is for the form to say."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, widget=UnfoldAdminTextInputWidget, **kwargs)


def obscured(secret: str) -> str:
    """A secret for people's eyes: whether there is one, and how it ends if that gives little away."""
    if not secret:
        return "not set"
    return f"•••• {secret[-2:]}" if len(secret) >= 8 else "••••"


class CheckedForm(ModelForm):
    """A form whose row must also pass the services' own test, so that nothing is saved that cannot work."""

    def problems(self, instance: Model) -> Mapping[str, list[str]]:
        """What is wrong with the row, by field, or under `__all__`."""
        return {}

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        for name, sentences in self.problems(self.instance).items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


def _phones(text: str) -> list[str]:
    return [phone for line in re.split(r"[\n,]+", text) if (phone := re.sub(r"[\s().-]", "", line))]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
