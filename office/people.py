"""Staff accounts: only superusers manage them, nobody is deleted, rights come by roles alone."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice

from office.readonly import Page, ReadOnly, ReadOnlyAdmin, moment


class SuperuserOnly:
    """The permission "change user" would be the permission to give oneself any other."""

    def has_module_permission(self, request):
        return request.user.is_active and request.user.is_superuser

    def has_view_permission(self, request, obj=None):
        return request.user.is_active and request.user.is_superuser

    has_add_permission = has_change_permission = lambda self, request, obj=None: (
        request.user.is_active and request.user.is_superuser
    )

    def has_delete_permission(self, request, obj=None):
        return False


class StaffAdmin(SuperuserOnly, UserAdmin):
    list_display = ["username", "is_staff", "is_active", "is_superuser", "last_login"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (gettext_lazy("Personal info"), {"fields": ["first_name", "last_name", "email"]}),
        (gettext_lazy("Roles"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        (gettext_lazy("Important dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = ["groups"]


class RoleAdmin(ReadOnly, GroupAdmin):
    """Roles come with the release (office/roles.py)."""

    def has_module_permission(self, request):
        return request.user.is_active and request.user.is_superuser

    has_view_permission = SuperuserOnly.has_view_permission


class DeviceAdmin(SuperuserOnly, TOTPDeviceAdmin):
    """A lost telephone's device is taken out of use (not confirmed), not deleted."""


class LogEntryAdmin(ReadOnlyAdmin):
    """Django's own record: who changed which staff account, and what actions wrote."""

    list_display = ["at", "user", "content_type", "object_repr", "change_message"]
    list_select_related = ["user", "content_type"]
    list_filter = ["user"]
    search_fields = ["user__username"]
    search_help_text = gettext_lazy("staff")

    @admin.display(description=gettext_lazy("time"))
    def at(self, entry):
        return moment(entry.action_time)

    def page(self, request, entry):
        return Page(
            sentence=f"{entry.user}: {entry.object_repr}",
            facts=[
                (_("time"), moment(entry.action_time)),
                (_("staff"), entry.user),
                (_("kind"), entry.content_type or "-"),
                (_("on"), entry.object_repr),
                (_("what"), entry.get_change_message()),
            ],
        )


def register(site) -> None:
    """Replace what other packages registered: no edit of tasks, attempts or devices by others."""
    for model in [m for m in site._registry if m._meta.app_label in _FOREIGN]:
        site.unregister(model)
    site.register(User, StaffAdmin)
    site.register(Group, RoleAdmin)
    site.register(TOTPDevice, DeviceAdmin)
    site.register(LogEntry, LogEntryAdmin)


_FOREIGN = {"auth", "otp_totp", "django_celery_beat", "admin"}
