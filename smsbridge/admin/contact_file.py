"""Contacts from a CSV file: chosen, looked at as what it would change, and then written exactly so."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from notifier.admin_base import PlainAdmin, table
from notifier.models import ChatApp
from smsbridge.phones import mask
from smsbridge.services import contact_import
from smsbridge.services.contact_import import FileError, Preview

_SHOWN = 200
_SALT = "smsbridge.contact-file"
_MINUTES = 60
#: of what the page sends back when it is confirmed: a form's values may have some more (DATA_UPLOAD_MAX_MEMORY_SIZE)
_LONGEST = 240 * 1024
_WORDS = {"user_id": "user id", "time_zone": "time zone", "custom": "custom fields", "source": "stays from now on"}


class FileForm(forms.Form):
    chat_app = forms.ModelChoiceField(ChatApp.objects.order_by("name"), widget=UnfoldAdminSelectWidget)
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV in UTF-8, with commas or semicolons. The first line names the columns: user_id, and any of name,"
        " phone (with its country code) and time_zone; every other column is a custom field. A column that is not there"
        " changes nothing.",
    )


class ContactFilePage(PlainAdmin[Any]):
    """Comes before the contacts page's own class. Whoever may add and change contacts may import them."""

    @action(  # type: ignore[untyped-decorator] # it has no types
        description="Import from a file", url_path="import-file", permissions=["take_in"]
    )
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """The form; with it sent, what would change; with that confirmed, writing it."""
        if request.method == "POST" and "confirmed" in request.POST:
            return self._write(request)
        form = FileForm(request.POST or None, request.FILES or None)
        found, confirmed = _looked_at(form, request) if form.is_bound and form.is_valid() else (None, "")
        return TemplateResponse(request, "smsbridge/contact_file.html", _context(request, self, form, found, confirmed))

    def _write(self, request: HttpRequest) -> HttpResponse:
        """What was looked at, unless the contacts have changed since: then it is to be looked at again."""
        again = HttpResponseRedirect(reverse("admin:smsbridge_contact_import_file"))
        try:
            told = signing.loads(request.POST["confirmed"], salt=_salt(request), max_age=_MINUTES * 60)
            app = ChatApp.objects.get(pk=told["app"])
        except (signing.BadSignature, ChatApp.DoesNotExist):
            messages.error(request, f"What you looked at is older than {_MINUTES} minutes: choose the file again.")
            return again
        found = contact_import.take_in(app, told["text"], told["digest"])
        if found.wrong or found.digest != told["digest"]:
            messages.error(request, "The contacts have changed since you looked: choose the file again.")
            return again
        self.log_all(request, [app], f"Imported contacts: {found.new} new, {found.changed} changed.")
        messages.success(request, f"Imported: {found.new} new, {found.changed} changed, {found.unchanged} unchanged.")
        return HttpResponseRedirect(reverse("admin:smsbridge_contact_changelist"))

    def has_take_in_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)


def _text(form: FileForm) -> str:
    file = form.cleaned_data["file"]
    file.seek(0)
    return contact_import.text_of(file.read(contact_import.MOST_BYTES + 1))


def _salt(request: HttpRequest) -> str:
    """Whoever looked confirms, nobody else."""
    return f"{_SALT}.{request.user.pk}"


def _looked_at(form: FileForm, request: HttpRequest) -> tuple[Preview | None, str]:
    """What the file would change, and what the page sends back to have it so; "" where it may not be.

    Nothing, with the reason at the form, for a file that cannot be read.
    """
    try:
        app, text = form.cleaned_data["chat_app"], _text(form)
        found = contact_import.preview(app, text)
        if found.wrong or not found.changes:
            return found, ""
        told = {"app": app.pk, "text": text, "digest": found.digest}
        confirmed = signing.dumps(told, salt=_salt(request), compress=True)
        if len(confirmed) > _LONGEST:
            raise FileError("The file is too large for this page: import it in parts, or by manage.py import_contacts.")
    except FileError as error:
        form.add_error("file", str(error))
        return None, ""
    return found, confirmed


def _context(
    request: HttpRequest, page: PlainAdmin[Any], form: FileForm, found: Preview | None, confirmed: str
) -> dict[str, Any]:
    changes = found.changes[:_SHOWN] if found else []
    rows = [
        [
            str(one.line),
            one.row.user_id,
            one.row.name,
            mask(one.row.phone) or "none",
            "new" if one.new else "changed: " + ", ".join(_WORDS.get(name, name) for name in one.fields),
        ]
        for one in changes
    ]
    return {
        **admin.site.each_context(request),
        "title": "Import contacts from a file",
        "opts": page.opts,
        "form": form,
        "found": found,
        "app": form.cleaned_data["chat_app"] if found else None,
        "changes": table(["Line", "User id", "Name", "Phone", "What"], rows) if rows else "",
        "more": len(found.changes) - len(rows) if found else 0,
        "wrong": found.wrong[:_SHOWN] if found else [],
        "more_wrong": max(len(found.wrong) - _SHOWN, 0) if found else 0,
        "confirmed": confirmed,
    }
