"""The pages of the second factor: asking for a code, setting up an app, and looking after one's own."""

from typing import Any

import segno
from axes.helpers import get_client_session_hash
from axes.models import AccessLog
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as otp_login

from notifier.durations import describe_duration
from notifier.entrance import codes, lockout
from notifier.entrance.forms import CodeForm, FirstCodeForm
from notifier.entrance.models import Authenticator
from notifier.entrance.record import write_down

ISSUER = "SMS Bridge"
WRONG = "This code is wrong, or has been used already. Wait until the app shows the next one, and enter that."
NEW_KEY = "entrance.new_key"


@sensitive_post_parameters()
@never_cache
@csrf_protect
def ask(request: HttpRequest) -> HttpResponse:
    """The second step of a login."""
    site: Any = admin.site
    goal = site.goal(request)
    if not site.knows_password(request):
        return redirect_to_login(goal, reverse("admin:login"))
    if site.has_permission(request):
        return HttpResponseRedirect(goal)
    if codes.authenticator_of(request.user) is None:
        return _to("second_factor_set_up", goal)
    if not lockout.is_open(request, request.user):
        return lockout.page(request)
    form, wrong = CodeForm(request.POST or None), codes.wrong_codes_since(request.user)
    if form.is_valid() and (device := _checked(request, form, "code")):
        _tell(request, device, wrong)
        return _let_in(request, device, HttpResponseRedirect(goal))
    return _page(request, "entrance/code.html", "Second step", form=form, goal=goal)


@sensitive_post_parameters()
@never_cache
@csrf_protect
def set_up(request: HttpRequest) -> HttpResponse:
    """A first authenticator app, or another one in its place: then a code of the present one is asked for as well."""
    site: Any = admin.site
    goal, present = site.goal(request), codes.authenticator_of(request.user)
    if not site.knows_password(request):
        return redirect_to_login(goal, reverse("admin:login"))
    if present is not None and not site.has_permission(request):
        return _to("second_factor_code", goal)
    if not lockout.is_open(request, request.user):
        return lockout.page(request)
    new = _new_key(request)
    form = FirstCodeForm(request.POST or None, replaces=present is not None)
    if form.is_valid() and _fits(request, form, new) and (present is None or _checked(request, form, "present")):
        return _taken_into_use(request, new, goal, replaced=present is not None)
    groups = [new.key[at : at + 4] for at in range(0, len(new.key), 4)]
    context = {"form": form, "goal": goal, "picture": _picture(new), "key": " ".join(groups)}
    return _page(request, "entrance/set_up.html", "Set up the second factor", **context)


@sensitive_post_parameters()
def overview(request: HttpRequest) -> HttpResponse:
    """One's own second factor: what there is, new backup codes, another app."""
    present = codes.authenticator_of(request.user)
    form = CodeForm(request.POST or None)
    if present is not None and request.method == "POST" and not lockout.is_open(request, request.user):
        return lockout.page(request)
    if present is not None and form.is_valid() and _checked(request, form, "code"):
        write_down(request.user, request.user, "New backup codes.")
        return _show_codes(request, reverse("admin:second_factor"))
    context = {"form": form, "present": present, "left": codes.backup_codes_left(request.user)}
    return _page(request, "entrance/overview.html", "Your second factor", **context)


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """What the menu under one's own name offers (the setting UNFOLD)."""
    links = [{"title": "Change password", "link": reverse("admin:password_change")}]
    if codes.required():
        links.append({"title": "Second factor", "link": reverse("admin:second_factor")})
    return links


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), "title": title, **context})


def _to(page: str, goal: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse(f'admin:{page}')}?{urlencode({REDIRECT_FIELD_NAME: goal})}")


def _checked(request: HttpRequest, form: forms.Form, field: str) -> Any:
    """The device that took the code in this field; else None, and the form says why."""
    user: Any = request.user
    code = form.cleaned_data[field]
    if wait := codes.wait_for(user, code):
        form.add_error(field, f"Too many wrong codes. Wait {describe_duration(wait)}, then enter a new one.")
        return None
    device = codes.verify(user, code)
    if device is None:
        lockout.count_wrong_code(request, user)
        form.add_error(field, WRONG)
    return device


def _fits(request: HttpRequest, form: forms.Form, new: Authenticator) -> bool:
    if wait := codes.wait_of(new):
        form.add_error("code", f"Too many wrong codes. Wait {describe_duration(wait)}, then enter a new one.")
        return False
    if codes.fits(new, form.cleaned_data["code"]):
        return True
    lockout.count_wrong_code(request, request.user)
    form.add_error("code", f"{WRONG} If it stays wrong, set the phone's clock to automatic.")
    return False


def _new_key(request: HttpRequest) -> Authenticator:
    """The key that this session is setting up: another session never sees it."""
    user: Any = request.user
    row: Authenticator | None = Authenticator.objects.filter(
        pk=request.session.get(NEW_KEY), user_id=user.pk, confirmed=False
    ).first()
    if row is None:
        row = codes.begin(user)
        request.session[NEW_KEY] = row.pk
    return row


def _taken_into_use(request: HttpRequest, new: Authenticator, goal: str, *, replaced: bool) -> HttpResponse:
    codes.take_into_use(new)
    del request.session[NEW_KEY]
    write_down(request.user, request.user, "Authenticator app replaced." if replaced else "Authenticator app set up.")
    return _let_in(request, new, _show_codes(request, goal))


def _show_codes(request: HttpRequest, goal: str) -> HttpResponse:
    user: Any = request.user
    fresh = codes.new_backup_codes(user)
    return _page(request, "entrance/backup_codes.html", "Your backup codes", codes=fresh, goal=goal)


def _let_in(request: HttpRequest, device: Any, response: HttpResponse) -> HttpResponse:
    """The session counts as verified from here, under a new key that nobody can have planted."""
    otp_login(request, device)
    before = get_client_session_hash(request)
    request.session.cycle_key()
    AccessLog.objects.filter(session_hash=before).update(session_hash=get_client_session_hash(request))
    rotate_token(request)
    lockout.welcome(request, response)
    return response


def _tell(request: HttpRequest, device: Any, wrong: int) -> None:
    """What somebody ought to know when he gets in: that others tried, and that backup codes run out."""
    if wrong:
        messages.warning(request, f"Wrong codes since your last login: {wrong}. Not you? Change your password now.")
    if not isinstance(device, Authenticator):
        left = codes.backup_codes_left(request.user)
        write_down(request.user, request.user, f"Backup code used; {left} left.")
        messages.warning(request, f"Backup codes left: {left}. Make new ones, or set up another app.")


def _picture(new: Authenticator) -> SafeString:
    drawn = segno.make(new.address(ISSUER), error="m").svg_inline(scale=5, dark="#000", light="#fff")
    return mark_safe(drawn)  # noqa: S308 (shapes only, made here)
