"""A payment order: its page, its acts."""

from django.contrib import admin
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kit.marks import listed
from office.frame.actions import ReasonAction
from office.frame.columns import facts, shown_column, worded
from office.frame.dossier import Entry, Page, Section, found, in_order, page_of
from office.frame.filters import AmountRangeFilter, DateRangeFilter
from office.frame.find import SHOWN, Hit, finder
from office.pages.payments.notice import notice_section
from office.pages.payments.refund_acts import PROPOSE_REFUND
from office.readonly import ReadOnlyAdmin, done_to
from office.shown.packets import paid_for
from office.shown.payments import (
    case_rows,
    notice_entries,
    order_sentence,
    order_status,
    refund_rows,
)
from payments import ask, refunded
from payments.channels import registry
from payments.channels.base import State
from payments.models import Case, ChannelRefund, Notification, PaymentOrder
from payments.states import PAYABLE, OrderStatus, PayType

_SAID = {
    State.PAID: _("The channel says: paid."),
    State.PENDING: _("The channel says: not paid yet, or it did not answer."),
    State.CLOSED: _("The channel says: closed, nobody can pay it any more."),
    State.UNKNOWN: _("The channel does not know this order (yet)."),
}


class AskChannel(ReasonAction):
    name = "ask_channel"
    title = _("Ask the channel")
    permission = "payments.ask_channel"

    def refusal(self, order, now):
        is_confirmed = order.status == OrderStatus.CONFIRMED
        return _("This order is confirmed: nothing to ask.") if is_confirmed else ""

    def preview(self, order, now):
        given = {"channel": order.get_pay_type_display(), "number": order.order_no}
        said = [
            _("%(channel)s is asked now what became of order %(number)s.") % given,
            _("If it says paid, the order is confirmed and the money goes where it belongs."),
        ]
        if order.status not in PAYABLE:
            said.append(_("It has ended here: what is not wanted any more waits as a case."))
        return said

    def facts(self, order):
        return (order.status, order.chases)

    def run(self, order, *, reason, now, also):
        """Noted before it is asked: a call to a channel has no transaction to commit with. Where it
        cannot be asked now, that is said (NotSent) and nothing noted."""
        with registry.line(order.pay_type, order.merchant):
            with transaction.atomic(durable=True):
                also.keep(True)
            return ask.ask(order_id=order.pk, now=now) or False

    def told(self, order, result):
        return _SAID[result]


PURPOSES = {"packet": _("red packet"), "topup": _("Top-up")}

ORDER_ACTS = [AskChannel()]


def _refund_it(order) -> dict | None:
    if order.purpose != "topup" or order.status != OrderStatus.CONFIRMED:
        return None
    of_it = {"pay_type": PayType(order.pay_type), "trade_no": order.trade_no, "paid": order.amount}
    amount = refunded.rest(**of_it)
    return {"order_no": order.order_no, "amount": amount} if amount else None


@admin.register(PaymentOrder)
class PaymentOrderAdmin(ReadOnlyAdmin):
    export_hidden = {"pay_params"}
    list_display = ["order_no", "amount", "state", "user_id", "add_time"]
    list_display += ["shown_purpose", "pay_type", "trade_no"]
    list_filter = [
        "status",
        "pay_type",
        ("add_time", DateRangeFilter),
        ("amount", AmountRangeFilter),
    ]
    export_told = worded(purpose=lambda word: PURPOSES.get(word, word))
    search_fields = ["order_no", "trade_no", "reference", "user_id"]
    search_help_text = _("order number, trade number, packet or payer")
    totals = {"amount": _("amount")}
    acts = ORDER_ACTS
    sections = (paid_for,)
    offers = [(ChannelRefund, PROPOSE_REFUND, _refund_it)]

    shown_purpose = shown_column(
        lambda order: PURPOSES.get(order.purpose, order.purpose), _("purpose")
    )
    state = shown_column(order_status, _("status"))

    def page(self, request, order):
        notices = list(Notification.objects.filter(order_no=order.order_no).order_by("pk")[:SHOWN])
        cases = list(Case.objects.filter(order_no=order.order_no).order_by("pk"))
        refunds = ChannelRefund.objects.filter(order_no=order.order_no).order_by("pk")
        refunds = list(refunds.select_related("maker", "checker"))
        page = Page(
            sentence=order_sentence(order, cases),
            badges=[order_status(order)],
            facts=[
                *facts(order, "order_no", "trade_no", "user_id"),
                (_("paid for"), found(order.reference)),
                (_("purpose"), PURPOSES.get(order.purpose, order.purpose)),
                *facts(order, "scene", "amount", "expire_time", "paid_at", "chases", "chase_at"),
            ],
            sections=[
                Section(_("Timeline"), entries=_order_story(order, notices), name="timeline"),
            ],
        )
        if cases:
            page.sections.append(case_rows(cases))
        if refunds:
            page.sections.append(refund_rows(refunds))
        if request.user.has_perm("payments.view_notification"):
            page.sections += [notice_section(notice) for notice in notices]
        return page


def _order_story(order, notices):
    channel = order.get_pay_type_display()
    who = found(order.user_id)
    entries = [
        Entry(order.add_time, who, _("asks for the order"), "user"),
        *notice_entries(notices),
        *done_to(order),
    ]
    if order.reported_at:
        entries.append(Entry(order.reported_at, who, _("says that it is paid"), "user"))
    if order.confirmed_at:
        given = {"money": f"{order.amount:,.2f}"}
        text = _("confirms that %(money)s yuan have arrived") % given
        entries.append(Entry(order.confirmed_at, channel, text, "channel", order.trade_no))
    if order.ended_at:
        # What it ended as is not kept once the channel's word has confirmed it after all.
        given = {"status": order.get_status_display()}
        text = _("the order ends") if order.confirmed_at else _("the order ends: %(status)s")
        entries.append(Entry(order.ended_at, _("system"), text % given))
    return in_order(entries)


@finder(_("payment orders"), "payments.view_paymentorder")
def orders(word):
    by_number = PaymentOrder.objects.filter(order_no=word)
    by_trade = PaymentOrder.objects.filter(trade_no=word)[:SHOWN]
    for order in {o.pk: o for rows in (by_number, by_trade) for o in rows}.values():
        channel = PayType(order.pay_type).label
        note = listed([order.user_id, channel, f"{order.amount:,.2f}"])
        yield Hit(page_of(order), order.order_no, note)
