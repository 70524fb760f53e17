"""Forms that propose a change of a staff account."""

from django import forms
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kit.plumbing import texts
from kit.refusals import Invalid
from office import roles
from office.accounts import changes
from office.frame import staff
from office.frame.proposals import Proposal, making
from office.frame.reason import ReasonField
from office.models import AccountChange

Kind = AccountChange.Kind
LINK = _("The link, for you to hand over to the person")
APART = _(
    "Whoever proposes is shown a link, and whoever approves a code: the person needs both, so hand"
    " them over apart, each to the person alone."
)


def _roles():
    return [
        (name, roles.shown(name))
        for name in Group.objects.order_by("pk").values_list("name", flat=True)
    ]


class _Form(forms.Form):
    username = forms.CharField(
        label=_("log-in name"),
        max_length=changes.NAME_MAX,
        validators=[ASCIIUsernameValidator()],
    )
    reason = ReasonField(label=_("reason"))
    field_order = ["username", "full_name", "email", "role"]


class InvitationForm(_Form):
    full_name = forms.CharField(
        label=pgettext_lazy("person", "name"), max_length=150, validators=[texts.validate_plain]
    )
    email = forms.EmailField(label=_("e-mail"), required=False)
    role = forms.ChoiceField(label=_("role"), choices=_roles)


class RoleForm(_Form):
    role = forms.ChoiceField(label=_("role"), choices=_roles)


class _Propose(Proposal):
    permission = staff.MANAGE_ACCOUNTS
    kind: Kind
    form = _Form

    def notes(self):
        lines = [_("Nothing changes until another person has approved it.")]
        return [*lines, APART] if self.kind in changes.OF_AN_INVITATION else lines

    def shows(self, row):
        return [(LINK, row.secret)] if row.secret else ()

    def run(self, data, *, user, now, request):
        also = making(user, request, self.name, data["reason"])
        also.changes = {"account": data["username"], "role": data.get("role") or None}
        row = self.propose(data, maker_id=user.pk, now=now, also=also)
        if row.secret:
            row.secret = request.build_absolute_uri(reverse("admin:join", args=[row.secret]))
        return row

    def propose(self, data, **about):
        wish = {"kind": self.kind, "role": data.get("role", ""), "reason": data["reason"]}
        return changes.change(user_id=_account(data).pk, **wish, **about)

    def preview(self, data, now):
        user = _account(data)
        told = {
            "name": user.first_name or user.username,
            "before": roles.shown(changes.roles_of(user)),
        }
        return [*self.tells(data, told), _("Reason: %(reason)s") % data, *self.notes()]

    def tells(self, data, told):
        raise NotImplementedError


class ProposeInvitation(_Propose):
    name = "propose_invitation"
    title = _("Invite somebody new")
    kind, form = Kind.INVITE, InvitationForm

    def propose(self, data, **about):
        return changes.invite(**data, **about)

    def preview(self, data, now):
        if User.objects.filter(username=data["username"]).exists():
            raise Invalid(errors={"username": [_("This name is taken.")]})
        return [
            _("%(full_name)s joins as %(username)s, with the role %(role)s.")
            % (data | {"role": roles.shown(data["role"])}),
            _("Reason: %(reason)s") % data,
            *self.notes(),
        ]


class ProposeRole(_Propose):
    name = "propose_role"
    title = _("Propose another role")
    kind, form = Kind.ROLE, RoleForm

    def tells(self, data, told):
        told = told | {"role": roles.shown(data["role"])}
        return [_("%(name)s has the role %(role)s instead of %(before)s.") % told]


class ProposeReset(_Propose):
    name = "propose_reset"
    title = _("Propose a new password and device")
    kind = Kind.RESET

    def tells(self, data, told):
        return [
            _("Password, device and recovery codes of %(name)s (%(before)s) are gone.") % told,
            _("%(name)s is logged out, and in use again once the invitation is taken up.") % told,
        ]


class ProposeStop(_Propose):
    name = "propose_stop"
    title = _("Propose to take out of use")
    kind = Kind.STOP

    def tells(self, data, told):
        return [_("%(name)s (%(before)s) is logged out and cannot log in any more.") % told]


def _account(data) -> User:
    user = User.objects.filter(username=data["username"]).first()
    if user is None:
        raise Invalid(errors={"username": [_("There is no such account.")]})
    return user


OF_AN_ACCOUNT = [ProposeRole(), ProposeReset(), ProposeStop()]
PROPOSALS = [ProposeInvitation(), *OF_AN_ACCOUNT]
