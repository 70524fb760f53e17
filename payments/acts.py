"""What staff may do to an order and a case."""

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments import cases, chase
from payments.channels.base import State
from payments.states import PAYABLE, CaseStatus
from redpacket_site.kit.actions import ReasonAction

_SAID = {
    State.PAID: gettext_lazy("The channel says: paid."),
    State.PENDING: gettext_lazy("The channel says: not paid yet, or it did not answer."),
    State.CLOSED: gettext_lazy("The channel says: closed, nobody can pay it any more."),
    State.UNKNOWN: gettext_lazy("The channel does not know this order (yet)."),
}


class AskChannel(ReasonAction):
    name = "ask_channel"
    title = gettext_lazy("Ask the channel")
    permission = "payments.ask_channel"

    def refusal(self, order, now):
        return "" if order.status in PAYABLE else _("This order has ended: nothing to ask.")

    def preview(self, order, now):
        told = {"channel": order.get_pay_type_display(), "number": order.order_no}
        return [
            _("%(channel)s is asked now what became of order %(number)s.") % told,
            _("If it says paid, the order is confirmed and the money goes where it belongs."),
        ]

    def facts(self, order):
        return (order.status, order.chases)

    def run(self, order, *, reason, now, also):
        """Noted before it is asked: a call to a channel has no transaction to commit with."""
        with transaction.atomic(durable=True):
            also.keep(True)
        return chase.chase(order_id=order.pk, now=now, at_once=True) or False

    def told(self, order, result):
        return _SAID[result]


class ResolveCase(ReasonAction):
    name = "resolve_case"
    title = gettext_lazy("Mark the case resolved")
    permission = "payments.resolve_case"
    reason_label = gettext_lazy("What was done about it")

    def refusal(self, case, now):
        return "" if case.status == CaseStatus.OPEN else _("This case is resolved already.")

    def preview(self, case, now):
        told = {"kind": case.get_kind_display(), "money": f"{case.amount:,.2f}"}
        return [
            _("The case leaves the queue: %(kind)s, %(money)s yuan.") % told,
            _("No money moves by this; a refund or an adjustment is proposed on its own."),
        ]

    def facts(self, case):
        return (case.status,)

    def run(self, case, *, reason, now, also):
        return cases.resolve(
            case_id=case.pk, staff_id=also.user.pk, resolution=reason, now=now, also=also
        )


ORDER_ACTS = [AskChannel()]
CASE_ACTS = [ResolveCase()]
