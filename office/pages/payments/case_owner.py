"""Whose a case is: taken and laid down, and the list by it."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from office.frame.actions import RemarkAction
from office.frame.filters import ChoiceFilter
from payments import own_case
from payments.states import CaseStatus

MINE, NOBODYS = "mine", "nobody"


class _OwnCase(RemarkAction):
    permission = "payments.resolve_case"

    def refusal(self, case, now):
        is_open = case.status == CaseStatus.OPEN
        return "" if is_open else _("This case is resolved already.")

    def facts(self, case):
        return (case.status, case.owner_id)


class TakeCase(_OwnCase):
    name = "take_case"
    title = gettext_lazy("Take the case")
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
    title = gettext_lazy("Lay the case down")
    key = "l"

    def allows(self, user, case):
        return case.owner_id == user.pk

    def preview(self, case, now):
        return [_("Anybody may take it.")]

    def run(self, case, *, reason, now, also):
        return own_case.leave(case_id=case.pk, staff_id=also.user.pk, now=now, also=also)


class OwnerFilter(ChoiceFilter):
    def __init__(self, field, request, *args, **kwargs):
        super().__init__(field, request, *args, **kwargs)
        self.title = pgettext_lazy("case", "owner")

    @staticmethod
    def names(field_path):
        return ("owner_is",)

    def words(self):
        return {MINE: gettext_lazy("mine"), NOBODYS: gettext_lazy("nobody's")}

    def condition(self, request, word):
        return Q(owner=request.user.pk) if word == MINE else Q(owner=None)
