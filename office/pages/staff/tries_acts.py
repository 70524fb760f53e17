"""What whoever manages accounts may do to a lock-out."""

from django.utils.translation import gettext_lazy as _

from office.accounts import tries
from office.frame import staff
from office.frame.actions import ReasonAction
from office.models import Tries


class Unlock(ReasonAction):
    name = "unlock_login"
    title = _("Unlock")
    permission = staff.MANAGE_ACCOUNTS
    is_bulk = True

    def refusal(self, row, now):
        return "" if row.used or row.is_locked else _("Nothing is locked here.")

    def preview(self, row, now):
        told = {"name": row.username, "address": row.address, "tries": row.used}
        lines = [_("%(tries)d tries are forgotten; there are as many again as at first.") % told]
        if row.kind == Tries.Kind.PAIR:
            lines.append(
                _("%(address)s counts as an address of %(name)s: make sure who is there.") % told
            )
        return lines

    def facts(self, row):
        return (row.is_locked,)

    def run(self, row, *, reason, now, also):
        return tries.unlock(tries_id=row.pk, now=now, also=also)
