from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

_ATTRIBUTES = {"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "none"}


class CodeField(forms.CharField):
    """A code of the authenticator app, or a backup code."""

    def __init__(self, label: str = "Code", *, focus: bool = True) -> None:
        attributes = {**_ATTRIBUTES, "autofocus": True} if focus else _ATTRIBUTES
        super().__init__(label=label, max_length=40, widget=UnfoldAdminTextInputWidget(attrs=attributes))


class CodeForm(forms.Form):
    code = CodeField()


class FirstCodeForm(forms.Form):
    """The first code of a new key; with a key in use, a code of that one as well."""

    present = CodeField("A code of the app you use now, or a backup code", focus=False)
    code = CodeField("The 6-digit code that the app shows now")

    def __init__(self, *args: object, replaces: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if not replaces:
            del self.fields["present"]
