"""Pages of users, groups and logins that other packages bring, in the look of all others."""

from typing import Any

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from notifier.admin_base import FactAdmin, PlainAdmin
from notifier.entrance import codes
from notifier.entrance.models import Authenticator
from notifier.entrance.record import write_down

# The library's own page of devices would show backup codes.
for model in (User, Group, AccessAttempt, AccessFailureLog, AccessLog, StaticDevice):
    admin.site.unregister(model)


class ForSuperusers:
    """Only superusers change who may do what: anybody else could give himself every permission. Others may look."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(ForSuperusers, DjangoUserAdmin, PlainAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_superuser", "is_staff", "is_active", "last_login", "second_factor"]
    actions = ["remove_second_factor"]

    def get_queryset(self, request: HttpRequest) -> Any:
        in_use = Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True)
        return super().get_queryset(request).annotate(has_second_factor=Exists(in_use))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not of somebody who did anything here: the audit of it would go with him. He is made inactive instead."""
        did = obj is not None and LogEntry.objects.filter(user=obj).exists()
        return super().has_delete_permission(request, obj) and not did

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it would not ask for each user whether he has done anything
        return actions

    @admin.display(description="Second factor", ordering="has_second_factor", boolean=True)
    def second_factor(self, user: Any) -> bool:
        return bool(user.has_second_factor)

    @admin.action(description="Remove the second factor: a new one is set up at the next login", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        removed = [user for user in users if codes.forget(user)]
        for user in removed:
            write_down(request.user, user, "Second factor removed.")
        self.tell(request, len(removed), "Second factor removed", selected=users.count())


@admin.register(Group)
class GroupAdmin(ForSuperusers, DjangoGroupAdmin, ModelAdmin):
    pass


@admin.register(AccessAttempt)
class AttemptAdmin(AccessAttemptAdmin, ModelAdmin):
    """Deleting a row lets somebody in again who typed a wrong password too often."""

    actions = ()  # axes' own cleans up without asking for a permission and without being written down


@admin.register(AccessFailureLog)
class FailureAdmin(FactAdmin[AccessFailureLog], AccessFailureLogAdmin):
    list_filter = ["locked_out"]


@admin.register(AccessLog)
class LoginAdmin(FactAdmin[AccessLog], AccessLogAdmin):
    list_filter = ()
