"""Whose a case is: taken and laid down, and the list by it."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from office.frame.actions import ReasonAction
from office.frame.filters import ChoiceFilter
from payments import own_case
from payments.states import CaseStatus

MINE, NOBODYS = "mine", "nobody"


class TakeCase(ReasonAction):
    name = "take_case"
    title = gettext_lazy("Take the case")
    permission = "payments.resolve_case"
    needs_reason = False
    reason_label = gettext_lazy("Remark")
    key = "t"

    def allows(self, user, case):
        return case.owner_id != user.pk

    def refusal(self, case, now):
        is_open = case.status == CaseStatus.OPEN
        return "" if is_open else _("This case is resolved already.")

    def preview(self, case, now):
        told = [_("It is yours until you lay it down; others see that, and may still decide.")]
        if case.owner_id:
            told.insert(0, _("%(owner)s has it now.") % {"owner": case.owner})
        return told

    def facts(self, case):
        return (case.status, case.owner_id)

    def run(self, case, *, reason, now, also):
        return own_case.take(
            case_id=case.pk,
            staff_id=also.user.pk,
            seen_owner_id=case.owner_id,
            now=now,
            also=also,
        )


class LeaveCase(ReasonAction):
    name = "leave_case"
    title = gettext_lazy("Lay the case down")
    permission = "payments.resolve_case"
    needs_reason = False
    reason_label = gettext_lazy("Remark")
    key = "l"

    def allows(self, user, case):
        return case.owner_id == user.pk

    def refusal(self, case, now):
        is_open = case.status == CaseStatus.OPEN
        return "" if is_open else _("This case is resolved already.")

    def preview(self, case, now):
        return [_("Anybody may take it.")]

    def facts(self, case):
        return (case.status, case.owner_id)

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
