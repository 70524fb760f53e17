"""Staff accounts: looked at here, changed by proposals (proposing.py), deleted by nobody."""

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from kit import clock, credentials
from kit.marks import labelled
from kit.models import Credentials
from office import roles
from office.accounts import changes
from office.frame.columns import cells, shown_column
from office.frame.dossier import Page, Section, badge, moment, table, to
from office.models import AccountChange, RecoveryCode, Role
from office.pages.staff.proposing import OF_AN_ACCOUNT
from office.readonly import ReadOnlyAdmin
from office.shown import names


def _named(user) -> dict:
    return {"username": user.get_username()}


def _state(user):
    return badge("open", _("in use")) if user.is_active else badge("closed", _("not in use"))


class StaffAdmin(ReadOnlyAdmin):
    list_display = ["username", "state", "first_name", "came_last", "role", "is_superuser"]
    list_filter = []
    search_fields = ["username"]
    search_help_text = _("staff")
    export_hidden = {"password"}
    offers = [(AccountChange, proposal, _named) for proposal in OF_AN_ACCOUNT]

    role = shown_column(lambda user: roles.shown(changes.roles_of(user)), _("role"))
    state = shown_column(lambda user: _state(user), _("state"))
    came_last = shown_column(lambda user: moment(user.last_login), _("last log-in"))

    def page(self, request, user):
        known = Credentials.objects.filter(pk=user.pk).first()
        until = credentials.rests_until(user.pk, clock.now()) if user.is_active else None
        codes = RecoveryCode.objects.filter(user=user, used_at=None).count()
        return Page(
            sentence=labelled(user.first_name or user, self.role(user)),
            badges=[self.state(user)],
            facts=[
                (pgettext("person", "name"), user.first_name or "-"),
                (_("e-mail"), user.email or "-"),
                (_("role"), self.role(user)),
                (_("last log-in"), moment(user.last_login)),
                (_("credentials since"), moment(known and known.changed_at)),
                (_("approves from"), moment(until) if until else _("now on")),
                (_("recovery codes left"), codes),
            ],
            sections=[self._changes(user)],
        )

    @staticmethod
    def _changes(user) -> Section:
        rows = AccountChange.objects.filter(user=user).select_related("maker", "checker", "user")
        columns = [
            (_("proposed at"), lambda row: to(row, moment(row.proposed_at))),
            *cells(AccountChange, "kind", "maker", "checker", "status"),
        ]
        title = _("changes of this account")
        return table(title, rows.order_by("-pk")[:50], columns, "changes")


class RoleAdmin(ReadOnlyAdmin):
    """Roles come with the release (office/roles.py)."""

    list_display = ["__str__", "people"]
    ordering = ["pk"]
    export_told = {"name": str}

    @admin.display(description=_("in use"))
    def people(self, role):
        return User.objects.filter(groups=role.pk, is_active=True)[:1000].count()

    def page(self, request, role):
        held = role.permissions.select_related("content_type")
        sees, acts = [], []
        for permission in held.order_by("content_type__app_label", "content_type__model"):
            if permission.codename.startswith("view_"):
                model = permission.content_type.model_class()
                sees.append(names.many(model._meta) if model else permission.codename)
            else:
                acts.append(_(permission.name))
        people = User.objects.filter(groups=role.pk).order_by("username")
        return Page(
            sentence=str(role),
            sections=[
                Section(
                    title=_("may look at"), columns=[_("what")], rows=[(what,) for what in sees]
                ),
                Section(title=_("may do"), columns=[_("what")], rows=[(act,) for act in acts]),
                Section(
                    title=_("staff"),
                    columns=[_("account"), pgettext("person", "name"), _("state")],
                    rows=[
                        (to(user, user), user.first_name or "-", _state(user)) for user in people
                    ],
                    name="people",
                ),
            ],
        )


class LogEntryAdmin(ReadOnlyAdmin):
    """Django's own record: who changed which staff account, and what actions wrote."""

    list_display = ["at", "user", "content_type", "object_repr", "change_message"]
    list_select_related = ["user", "content_type"]
    list_filter = ["user"]
    search_fields = ["user__username"]
    search_help_text = _("staff")

    at = shown_column(lambda entry: moment(entry.action_time), _("time"))

    def page(self, request, entry):
        return Page(
            sentence=labelled(entry.user, entry.object_repr),
            facts=[
                (_("time"), moment(entry.action_time)),
                (_("staff"), entry.user),
                (_("kind"), entry.content_type or "-"),
                (_("on"), entry.object_repr),
                (_("what"), entry.get_change_message()),
            ],
        )


def register(site) -> None:
    """Replace what other packages registered: no editor of accounts, devices or tasks."""
    for model in apps.get_models():
        if model._meta.app_label in _FOREIGN and site.is_registered(model):
            site.unregister(model)
    site.register(User, StaffAdmin)
    site.register(Role, RoleAdmin)
    site.register(LogEntry, LogEntryAdmin)


_FOREIGN = {"auth", "otp_totp", "django_celery_beat", "admin"}
