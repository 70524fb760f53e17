"""Whose a case is: taken and laid down, and the list by it."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from office.frame.actions import ReasonAction, RemarkAction
from office.frame.filters import ChoiceFilter
from payments import own_case
from payments.states import CaseStatus

MINE, NOBODYS = "mine", "nobody"


class OnCase(ReasonAction):
    """Something that is done to an open case."""

    permission = "payments.resolve_case"

    def refusal(self, case, now):
        is_open = case.status == CaseStatus.OPEN
        return self.hindered(case) if is_open else _("This case is resolved already.")

    def hindered(self, case) -> str:
        """Why it cannot be done though the case is open."""
        return ""


class _OwnCase(OnCase, RemarkAction):
    def facts(self, case):
        return (case.status, case.owner_id)


class TakeCase(_OwnCase):
    name = "take_case"
    title = _("Take the case")
    key = "t"

    def allows(self, user, case):
        return case.owner_id != user.pk

    def preview(self, case, now):
        told = [_("It is yours until you lay it down; others see that, and may still decide.")]
        if case.owner_id:
            told.insert(0, _("%(owner)s has it now.") % {"owner": case.owner})
        return told

    def run(self, case, *, reason, now, also):
        return own_case.take(
            case_id=case.pk, staff_id=also.user.pk, seen_owner_id=case.owner_id, now=now, also=also
        )


class LeaveCase(_OwnCase):
    name = "leave_case"
    title = _("Lay the case down")
    key = "l"

    def allows(self, user, case):
        return case.owner_id == user.pk

    def preview(self, case, now):
        return [_("Anybody may take it.")]

    def run(self, case, *, reason, now, also):
        return own_case.leave(case_id=case.pk, staff_id=also.user.pk, now=now, also=also)


class OwnerFilter(ChoiceFilter):
    takes, called = ("owner_is",), pgettext_lazy("case", "owner")

    def words(self):
        return {MINE: _("mine"), NOBODYS: _("nobody's")}

    def condition(self, request, word):
        return Q(owner=request.user.pk) if word == MINE else Q(owner=None)
