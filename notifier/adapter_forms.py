"""The form and admin page of a row that an adapter serves: the adapter's own options and secrets as fields.

A new row's page offers the fields of every adapter and shows those of the one that is chosen; after that the
adapter stays what it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from notifier.admin_base import SettingsAdmin, table
from notifier.forms import CheckedForm, SecretField, obscured

_EXISTING = "set"
_INITIALS = {"api": "API", "url": "URL", "id": "ID", "sms": "SMS"}


class Adapter(Protocol):
    """What platforms and vendors have in common here: names of options and secrets, with a sentence each."""

    title: ClassVar[str]
    option_help: ClassVar[Mapping[str, str]]
    secret_help: ClassVar[Mapping[str, str]]


Adapters = Mapping[str, type[Adapter]]


class AdapterForm(CheckedForm):
    """Shows `options` and `secrets` of a row as one field each; secrets only change when something is typed."""

    adapter_field: ClassVar[str]

    @classmethod
    def adapters(cls) -> Adapters:
        """Every adapter by its key. It may import them, so it is called when a page is asked for, not before."""
        raise NotImplementedError

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.adapter_field in self.fields:
            choices = [(key, adapter.title) for key, adapter in self.adapters().items()]
            widget = UnfoldAdminSelectWidget(choices=choices)
            self.fields[self.adapter_field] = forms.ChoiceField(choices=choices, widget=widget)
        for key, adapter in self._offered():
            self._add_fields(key, adapter)

    def _offered(self) -> Iterator[tuple[str, type[Adapter]]]:
        if self.instance.pk is None:
            yield from self.adapters().items()
            return
        adapter = self.adapters().get(getattr(self.instance, self.adapter_field))
        if adapter is not None:
            yield _EXISTING, adapter

    def _add_fields(self, key: str, adapter: type[Adapter]) -> None:
        options, secrets = self.instance.options or {}, self.instance.secrets or {}
        for name, words in adapter.option_help.items():
            self.fields[field_name(key, name)] = forms.CharField(
                required=False,
                label=label(name),
                help_text=words,
                initial=options.get(name, ""),
                widget=UnfoldAdminTextInputWidget,
            )
        for name, words in adapter.secret_help.items():
            stored = secrets.get(name, "")
            self.fields[field_name(key, name)] = SecretField(label=label(name), help_text=words, stored=stored)

    def _post_clean(self) -> None:
        adapter_key = self.cleaned_data.get(self.adapter_field) or getattr(self.instance, self.adapter_field)
        adapter = self.adapters().get(adapter_key)
        if adapter is not None:
            self._take_over(_EXISTING if self.instance.pk is not None else adapter_key, adapter)
        super()._post_clean()

    def _take_over(self, key: str, adapter: type[Adapter]) -> None:
        """Put what was typed into the row. Settings that the adapter does not name have no field, and are dropped."""
        stored = self.instance.secrets or {}
        options = {name: self.cleaned_data.get(field_name(key, name)) for name in adapter.option_help}
        secrets = {name: self.cleaned_data.get(field_name(key, name)) for name in adapter.secret_help}
        kept = {name: stored.get(name) if typed is None else typed for name, typed in secrets.items()}
        self.instance.options = {name: value for name, value in options.items() if value}
        self.instance.secrets = {name: value for name, value in kept.items() if value}


class AdapterAdmin(SettingsAdmin[Any]):
    """The page of a row with an `AdapterForm`."""

    form: type[AdapterForm]
    general_fields: ClassVar[tuple[str, ...]]
    shown_fields: ClassVar[tuple[str, ...]] = ()
    defer_in_lists = ("secrets",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = list(self.general_fields)  # the adapter's own are no fields of the model
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.shown_fields, self.form.adapter_field) if obj is not None else ()

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": self.general_fields}), ("Settings", {"fields": list(self.conditional_fields)})]
        general = (None, {"fields": (*self.general_fields, *self.shown_fields)})
        if not self.has_change_permission(request, obj):
            return [general, ("Settings", {"fields": ("settings_in_words",)})]
        adapter = self.form.adapters().get(getattr(obj, self.form.adapter_field))
        return [general] if adapter is None else [general, (adapter.title, {"fields": _names(_EXISTING, adapter)})]

    @admin.display(description="Options and secrets")
    def settings_in_words(self, row: Any) -> SafeString | str:
        options = [[label(name), value] for name, value in (row.options or {}).items()]
        secrets = [[label(name), obscured(value)] for name, value in (row.secrets or {}).items()]
        return table(["Name", "Value"], options + secrets, none="none")

    @property
    def conditional_fields(self) -> dict[str, str]:
        """On the page of a new row: fields of an adapter are seen while it is the one chosen."""
        return {
            name: f"{self.form.adapter_field} == '{key}'"
            for key, adapter in self.form.adapters().items()
            for name in _names(key, adapter)
        }


def field_name(key: str, name: str) -> str:
    """Also a name in JavaScript, as unfold's conditional fields are: without the dash that a key may have."""
    return f"{key.replace('-', '_')}__{name}"


def label(name: str) -> str:
    """An option's name as words: api_key is "API key"."""
    words = [_INITIALS.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _names(key: str, adapter: type[Adapter]) -> list[str]:
    return [field_name(key, name) for name in (*adapter.option_help, *adapter.secret_help)]
