"""What staff may read of payments: orders, what channels said, cases, channel refunds."""

import json

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office.frame.find import SHOWN, Hit, finder
from office.frame.proposals import url_of
from office.pages.payments_acts import (
    CASE_ACTS,
    ORDER_ACTS,
    PROPOSE_REFUND,
    REFUND_ACTS,
    RUN_BILL,
    UPLOAD_BILL,
)
from office.pages.wallets import (
    AdjustmentAdmin,
    LedgerLineAdmin,
    WalletAdmin,
    account,
    adjustment_status,
    eyes,
)
from office.pages.wallets_acts import PROPOSE_ADJUSTMENT
from office.readonly import (
    AgeFilter,
    AmountRangeFilter,
    DateRangeFilter,
    Entry,
    Page,
    ReadOnlyAdmin,
    Section,
    badge,
    done_to,
    found,
    in_order,
    link,
    moment,
    page_of,
    yuan,
)
from payments import cases as cases_verbs
from payments import channel_refund, raw, reconcile, refunded
from payments.models import Bill, Case, ChannelRefund, Notification, PaymentOrder
from payments.states import (
    BillState,
    CaseKind,
    CaseStatus,
    NoticeOutcome,
    OrderStatus,
    PayType,
    RefundStatus,
)
from wallets import accounts
from wallets.models import Adjustment
from wallets.states import LineKind

LATEST = 20
CASES_SHOWN = 200

_ORDER_TONES = {
    OrderStatus.CREATED: "unpaid",
    OrderStatus.REPORTED: "awaiting",
    OrderStatus.CONFIRMED: "open",
    OrderStatus.CLOSED: "closed",
    OrderStatus.UNPAID: "void",
    OrderStatus.FAILED: "void",
}
_REFUND_TONES = {
    RefundStatus.PROPOSED: "awaiting",
    RefundStatus.APPROVED: "finished",
    RefundStatus.SENT: "finished",
    RefundStatus.DONE: "open",
    RefundStatus.FAILED: "void",
    RefundStatus.REJECTED: "closed",
    RefundStatus.WITHDRAWN: "closed",
    RefundStatus.PARKED: "awaiting",
}
_BILL_TONES = {
    BillState.WAITING: "awaiting",
    BillState.COMPARED: "open",
    BillState.EMPTY: "finished",
    BillState.FAILED: "void",
}
_NOTICE_TONES = {
    NoticeOutcome.CONFIRMED: "open",
    NoticeOutcome.FORGED: "void",
    NoticeOutcome.ERROR: "void",
    NoticeOutcome.SUSPENSE: "awaiting",
    NoticeOutcome.DOUBTED: "awaiting",
    NoticeOutcome.CONTRADICTED: "void",
}


NOTICE_WORDS = {
    NoticeOutcome.STORED: gettext_lazy("kept, not looked at yet"),
    NoticeOutcome.FORGED: gettext_lazy("forged: changed nothing"),
    NoticeOutcome.CONFIRMED: gettext_lazy("payment confirmed"),
    NoticeOutcome.DUPLICATE: gettext_lazy("said before"),
    NoticeOutcome.SUSPENSE: gettext_lazy("money in suspense"),
    NoticeOutcome.DOUBTED: gettext_lazy("not what our books say: it will come again"),
    NoticeOutcome.CONTRADICTED: gettext_lazy("against our books: a case"),
    NoticeOutcome.NOTED: gettext_lazy("noted, no payment"),
    NoticeOutcome.ERROR: gettext_lazy("we failed: it will come again"),
}


SUGGESTED = {
    CaseKind.UNKNOWN_ORDER: gettext_lazy("find out who paid; refund through the channel"),
    CaseKind.WRONG_AMOUNT: gettext_lazy("refund through the channel, or credit the payer"),
    CaseKind.SECOND_PAYMENT: gettext_lazy("refund through the channel"),
    CaseKind.LATE_PAYMENT: gettext_lazy("refund through the channel"),
    CaseKind.CONTRADICTED: gettext_lazy(
        "look it up at the channel; bring back what has left suspense, then ask the channel again"
    ),
    CaseKind.GIVEN_BACK: gettext_lazy("find out at the channel who gave it back, and why"),
    CaseKind.REFUND_FAILED: gettext_lazy("propose the refund again, or credit the payer"),
    CaseKind.TAKEN_BACK: gettext_lazy("find out whose it is, and credit him"),
    CaseKind.AWAITING_LONG: gettext_lazy(
        "see that the channel is in the settings and answers, then ask it about the order"
    ),
    CaseKind.REFUND_STUCK: gettext_lazy(
        "look it up at the channel, then say on the refund's page what became of it"
    ),
    CaseKind.REFUND_PARKED: gettext_lazy(
        "pay it out at the channel, or take it back, then say so on the refund's page"
    ),
    CaseKind.REFUND_LATE: gettext_lazy("take the money back by an adjustment towards the platform"),
    CaseKind.BILL_SURPLUS: gettext_lazy(
        "ask the channel about the order; if it has ended, book the payment into suspense"
    ),
    CaseKind.BILL_SHORTFALL: gettext_lazy("ask the channel where this money is"),
    CaseKind.BILL_AMOUNT: gettext_lazy("compare with the notification; refund or adjust"),
    CaseKind.BILL_REPEATED: gettext_lazy("ask the channel: one payment stands twice in its bill"),
    CaseKind.BILL_OTHER_DAY: gettext_lazy("nothing to do when the other day's bill matches"),
    CaseKind.BILL_ODD: gettext_lazy("read the row in the file, and look for its payment"),
    CaseKind.BILL_TOTAL: gettext_lazy("fetch the bill again: its file may be cut off"),
    CaseKind.BILL_MISSING: gettext_lazy("download the bill at the channel, and upload it"),
}


def outcome_of(notice):
    """What became of a notification, in words."""
    return NOTICE_WORDS.get(notice.outcome, notice.outcome)


def order_status(order) -> str:
    return badge(_ORDER_TONES[OrderStatus(order.status)], order.get_status_display())


def case_status(case) -> str:
    if case.status == CaseStatus.OPEN:
        return badge("awaiting", _("to be decided"))
    return badge("finished", _("resolved"))


def refund_status(refund) -> str:
    return badge(_REFUND_TONES[RefundStatus(refund.status)], refund.get_status_display())


def notice_outcome(notice) -> str:
    return badge(_NOTICE_TONES.get(notice.outcome, "unpaid"), outcome_of(notice))


def order_rows(orders, title=None) -> Section:
    columns = [
        _("order number"),
        _("channel"),
        _("amount"),
        _("status"),
        _("trade number"),
        _("made at"),
    ]
    rows = [
        [
            link(page_of(order), order.order_no),
            order.get_pay_type_display(),
            yuan(order.amount),
            order_status(order),
            order.trade_no or "-",
            moment(order.add_time),
        ]
        for order in orders
    ]
    return Section(title or _("Payment orders"), columns, rows, name="orders")


def case_rows(cases) -> Section:
    columns = [_("case"), _("status"), _("amount"), _("says"), _("case opened at")]
    rows = [
        [
            link(page_of(case), case.get_kind_display()),
            case_status(case),
            yuan(case.amount),
            case.says,
            moment(case.created_at),
        ]
        for case in cases
    ]
    return Section(_("Cases"), columns, rows, name="cases")


def refund_rows(refunds) -> Section:
    columns = [
        _("refund number"),
        _("status"),
        _("amount"),
        _("maker"),
        _("checker"),
        _("proposed at"),
    ]
    rows = [
        [
            link(page_of(refund), refund.refund_no),
            refund_status(refund),
            yuan(refund.amount),
            refund.maker or _("system"),
            refund.checker or "-",
            moment(refund.proposed_at),
        ]
        for refund in refunds
    ]
    return Section(_("Channel refunds"), columns, rows, name="refunds")


def adjustment_rows(adjustments) -> Section:
    columns = [_("reference"), _("status"), _("amount"), _("source"), _("target"), _("proposed at")]
    rows = [
        [
            link(page_of(row), row.reference),
            adjustment_status(row),
            yuan(row.amount),
            account(row.source),
            account(row.target),
            moment(row.proposed_at),
        ]
        for row in adjustments
    ]
    return Section(_("Adjustments"), columns, rows, name="adjustments")


@admin.register(PaymentOrder)
class PaymentOrderAdmin(ReadOnlyAdmin):
    export_hidden = {"pay_params"}
    list_display = ["order_no", "purpose", "payer", "channel", "money", "state", "trade_no", "made"]
    list_filter = ["pay_type"]
    search_fields = ["order_no", "trade_no", "reference", "user_id"]
    search_help_text = gettext_lazy("order number, trade number, packet or payer")
    totals = {"amount": gettext_lazy("amount")}
    acts = ORDER_ACTS
    sections = []
    offers = []

    @admin.display(description=gettext_lazy("payer"))
    def payer(self, order):
        return found(order.user_id)

    @admin.display(description=gettext_lazy("channel"))
    def channel(self, order):
        return order.get_pay_type_display()

    @admin.display(description=gettext_lazy("amount"))
    def money(self, order):
        return yuan(order.amount)

    @admin.display(description=gettext_lazy("status"))
    def state(self, order):
        return order_status(order)

    @admin.display(description=gettext_lazy("made at"))
    def made(self, order):
        return moment(order.add_time)

    def page(self, request, order):
        told = {
            "user": order.user_id,
            "money": f"{order.amount:,.2f}",
            "channel": order.get_pay_type_display(),
        }
        notices = list(Notification.objects.filter(order_no=order.order_no).order_by("pk")[:SHOWN])
        cases = list(Case.objects.filter(order_no=order.order_no).order_by("pk"))
        refunds = ChannelRefund.objects.filter(order_no=order.order_no).order_by("pk")
        refunds = list(refunds.select_related("maker", "checker"))
        page = Page(
            sentence=_("%(user)s pays %(money)s yuan by %(channel)s.") % told,
            badges=[order_status(order)],
            facts=[
                (_("order number"), order.order_no),
                (_("trade number"), order.trade_no or "-"),
                (_("payer"), found(order.user_id)),
                (_("paid for"), found(order.reference)),
                (_("purpose"), order.purpose),
                (_("scene"), order.get_scene_display()),
                (_("amount"), yuan(order.amount)),
                (_("payable until"), moment(order.expire_time)),
                (_("paid at (the channel's clock)"), moment(order.paid_at)),
                (_("questions"), order.chases),
                (_("next question at"), moment(order.chase_at)),
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
            page.sections += [_notice_section(notice) for notice in notices]
        return page


def _order_story(order, notices):
    channel = order.get_pay_type_display()
    who = found(order.user_id)
    entries = [
        Entry(order.add_time, who, _("asks for the order"), "user"),
        *(
            Entry(
                notice.created_at,
                channel,
                _("sends a notification: %(outcome)s") % {"outcome": outcome_of(notice)},
                "channel",
                notice.says,
            )
            for notice in notices
        ),
        *done_to(order),
    ]
    if order.reported_at:
        entries.append(Entry(order.reported_at, who, _("says that it is paid"), "user"))
    if order.confirmed_at:
        told = {"money": f"{order.amount:,.2f}"}
        text = _("confirms that %(money)s yuan have arrived") % told
        entries.append(Entry(order.confirmed_at, channel, text, "channel", order.trade_no))
    if order.ended_at:
        text = _("the order ends: %(status)s") % {"status": order.get_status_display()}
        entries.append(Entry(order.ended_at, _("system"), text))
    return in_order(entries)


def _strangers_facts(notice) -> list[tuple]:
    """Of what nobody verified a head is all that was kept."""
    if notice.size is None:
        return []
    return [
        (_("address"), notice.address or "-"),
        (_("bytes"), notice.size),
        ("SHA-256", notice.digest),
    ]


def _notice_section(notice) -> Section:
    headers = json.dumps(raw.masked(notice.headers), ensure_ascii=False, indent=2)
    return Section(
        _("Notification %(number)d: %(outcome)s")
        % {"number": notice.pk, "outcome": outcome_of(notice)},
        raw=f"{headers}\n\n{raw.pretty(notice.body)}"
        if notice.headers
        else raw.pretty(notice.body),
        note=moment(notice.created_at),
        name=f"notice-{notice.pk}",
    )


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    export_hidden = {"headers"}
    list_display = ["at", "channel", "shown_outcome", "says", "order", "trade_no"]
    list_filter = [("created_at", DateRangeFilter)]
    search_fields = ["order_no", "trade_no"]
    search_help_text = gettext_lazy("order number or trade number")

    def get_queryset(self, request):
        return super().get_queryset(request).defer("body", "headers")

    @admin.display(description=gettext_lazy("received at"))
    def at(self, notice):
        return moment(notice.created_at)

    @admin.display(description=gettext_lazy("channel"))
    def channel(self, notice):
        return notice.get_pay_type_display()

    @admin.display(description=gettext_lazy("outcome"))
    def shown_outcome(self, notice):
        return notice_outcome(notice)

    @admin.display(description=gettext_lazy("order number"))
    def order(self, notice):
        return found(notice.order_no)

    def page(self, request, notice):
        told = {"channel": notice.get_pay_type_display(), "outcome": outcome_of(notice)}
        return Page(
            sentence=_("%(channel)s sent this notification: %(outcome)s.") % told,
            badges=[notice_outcome(notice)],
            facts=[
                (_("received at"), moment(notice.created_at)),
                (_("says"), notice.says or "-"),
                (_("order number"), found(notice.order_no)),
                (_("trade number"), notice.trade_no or "-"),
                *_strangers_facts(notice),
            ],
            sections=[_notice_section(notice)],
        )


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    list_display = [
        "what",
        "state",
        "money",
        "in_suspense",
        "channel",
        "order",
        "says",
        "suggested",
        "at",
    ]
    list_filter = [
        "status",
        "kind",
        "pay_type",
        ("created_at", AgeFilter),
        ("created_at", DateRangeFilter),
        ("amount", AmountRangeFilter),
    ]
    search_fields = ["order_no", "trade_no"]
    search_help_text = gettext_lazy("order number or trade number")
    totals = {"amount": gettext_lazy("amount")}
    acts = CASE_ACTS
    sections = []
    offers = []

    @admin.display(description=gettext_lazy("case"))
    def what(self, case):
        return case.get_kind_display()

    @admin.display(description=gettext_lazy("status"))
    def state(self, case):
        return case_status(case)

    @admin.display(description=gettext_lazy("amount"))
    def money(self, case):
        return yuan(case.amount)

    @admin.display(description=gettext_lazy("in suspense"))
    def in_suspense(self, case):
        return yuan(cases_verbs.held_by(case))

    @admin.display(description=gettext_lazy("channel"))
    def channel(self, case):
        return case.get_pay_type_display()

    @admin.display(description=gettext_lazy("order number"))
    def order(self, case):
        return found(case.order_no)

    @admin.display(description=gettext_lazy("suggested"))
    def suggested(self, case):
        return SUGGESTED[case.kind]

    @admin.display(description=gettext_lazy("case opened at"))
    def at(self, case):
        return moment(case.created_at)

    def page(self, request, case):
        told = {"kind": case.get_kind_display(), "money": f"{case.amount:,.2f}"}
        by_two = {"maker", "checker"}
        refunds = ChannelRefund.objects.filter(case=case).select_related(*by_two)
        adjustments = Adjustment.objects.filter(case_id=case.pk).select_related(*by_two)
        held = cases_verbs.held_by(case)
        page = Page(
            sentence=_("%(kind)s: %(money)s yuan.") % told,
            badges=[case_status(case)],
            facts=[
                (_("number"), case.pk),
                (_("reference"), case.reference),
                (_("channel"), case.get_pay_type_display()),
                (_("order number"), found(case.order_no)),
                (_("trade number"), found(case.trade_no)),
                (_("amount"), yuan(case.amount)),
                (_("in suspense"), yuan(held)),
                (_("says"), case.says or "-"),
                (_("suggested"), SUGGESTED[case.kind]),
                (_("case opened at"), moment(case.created_at)),
                (_("resolved at"), moment(case.resolved_at)),
                (_("resolved by"), case.resolved_by or "-"),
                (_("resolution"), case.resolution or "-"),
            ],
            sections=[refund_rows(list(refunds.order_by("pk")))],
        )
        if held:
            page.warnings = [_("Its money is in suspense: it is resolved once that has left.")]
        if adjustments:
            page.sections.append(adjustment_rows(adjustments.order_by("pk")))
        if done := in_order(done_to(case)):
            page.sections.append(Section(_("What staff did"), entries=done, name="staff"))
        return page


@admin.register(ChannelRefund)
class ChannelRefundAdmin(ReadOnlyAdmin):
    list_display = ["refund_no", "state", "money", "channel", "order", "maker", "checker", "at"]
    list_filter = [
        "status",
        "pay_type",
        ("proposed_at", AgeFilter),
        ("proposed_at", DateRangeFilter),
    ]
    list_select_related = ["maker", "checker"]
    search_fields = ["refund_no", "order_no"]
    search_help_text = gettext_lazy("refund number or order number")
    totals = {"amount": gettext_lazy("amount")}
    acts = REFUND_ACTS
    proposals = [PROPOSE_REFUND]
    sections = []

    @admin.display(description=gettext_lazy("status"))
    def state(self, refund):
        return refund_status(refund)

    @admin.display(description=gettext_lazy("amount"))
    def money(self, refund):
        return yuan(refund.amount)

    @admin.display(description=gettext_lazy("channel"))
    def channel(self, refund):
        return refund.get_pay_type_display()

    @admin.display(description=gettext_lazy("order number"))
    def order(self, refund):
        return found(refund.order_no)

    @admin.display(description=gettext_lazy("proposed at"))
    def at(self, refund):
        return moment(refund.proposed_at)

    def page(self, request, refund):
        told = {"money": f"{refund.amount:,.2f}", "channel": refund.get_pay_type_display()}
        page = Page(
            sentence=_("%(money)s yuan go back through %(channel)s.") % told,
            badges=[refund_status(refund)],
            facts=[
                (_("refund number"), refund.refund_no),
                (_("order number"), found(refund.order_no)),
                (_("trade number"), refund.trade_no),
                (_("paid"), yuan(refund.paid)),
                (_("amount"), yuan(refund.amount)),
                (_("source"), account(refund.source)),
                (_("reason"), refund.reason),
                (_("attachment"), refund.attachment or "-"),
                (_("case"), link(page_of(refund.case), refund.case) if refund.case else "-"),
                (_("done at"), moment(refund.done_at)),
                (_("the channel's answer"), refund.answer or "-"),
                (_("tries"), refund.chases),
            ],
            sections=[eyes(refund)],
        )
        if refund.status == RefundStatus.PROPOSED and refund.maker_id == request.user.pk:
            page.warnings = [_("You proposed this: another person has to decide.")]
        if done := in_order(done_to(refund)):
            page.sections.append(Section(_("What staff did"), entries=done, name="staff"))
        return page


@admin.register(Bill)
class BillAdmin(ReadOnlyAdmin):
    list_display = ["on", "channel", "shown_state", "rows", "matched", "open", "money", "at"]
    list_filter = ["state", "pay_type", ("day", DateRangeFilter)]
    proposals = [RUN_BILL, UPLOAD_BILL]
    ordering = ["-pk"]

    @admin.display(description=gettext_lazy("day"))
    def on(self, bill):
        return bill.day.isoformat()

    @admin.display(description=gettext_lazy("channel"))
    def channel(self, bill):
        return bill.get_pay_type_display()

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, bill):
        return badge(_BILL_TONES[BillState(bill.state)], bill.get_state_display())

    @admin.display(description=gettext_lazy("differences"))
    def open(self, bill):
        if not bill.reconciled_at:
            return "-"
        tone, text = ("void", bill.differences) if bill.differences else ("open", _("none"))
        return badge(tone, text)

    @admin.display(description=gettext_lazy("paid in all"))
    def money(self, bill):
        return yuan(bill.total)

    @admin.display(description=gettext_lazy("reconciled at"))
    def at(self, bill):
        return moment(bill.reconciled_at)

    def page(self, request, bill):
        cases = reconcile.cases_of(bill).order_by("pk")[:CASES_SHOWN]
        page = Page(
            sentence=_bill_in_words(bill),
            badges=[self.shown_state(bill)],
            facts=[
                (_("channel"), bill.get_pay_type_display()),
                (_("day"), bill.day.isoformat()),
                (_("rows"), bill.rows),
                (_("matched"), bill.matched),
                (_("differences"), self.open(bill)),
                (_("of these in no bill"), bill.missing),
                (_("paid in all"), yuan(bill.total)),
                (_("refunded in all"), yuan(bill.refunded)),
                (_("reconciled at"), moment(bill.reconciled_at)),
                (_("tries"), bill.tries),
                (_("next try at"), moment(bill.due_at)),
                (_("says"), bill.says or "-"),
            ],
            sections=[case_rows(list(cases))],
        )
        if done := in_order(done_to(bill)):
            page.sections.append(Section(_("What staff did"), entries=done, name="staff"))
        return page


def _bill_in_words(bill) -> str:
    told = {
        "channel": bill.get_pay_type_display(),
        "day": bill.day.isoformat(),
        "matched": bill.matched,
        "differences": bill.differences,
        "state": bill.get_state_display(),
    }
    if bill.reconciled_at:
        return _("%(channel)s, %(day)s: %(matched)d matched, %(differences)d differences.") % told
    return _("%(channel)s, %(day)s: %(state)s.") % told


def _refunded(request, line):
    """On a ledger line's page: the channel refund behind it, or whose failure it undoes."""
    if line.kind not in (LineKind.CHANNEL_REFUND, LineKind.ADJUSTMENT, LineKind.SUSPENSE):
        return None
    rows = ChannelRefund.objects.filter(refund_no=line.reference)
    row = rows.select_related("maker", "checker").first()
    return row and eyes(row)


def _refund_case(request, case):
    if not request.user.has_perm(PROPOSE_REFUND.permission):
        return None
    if not (amount := channel_refund.refundable(case)):
        return None
    given = {"case_id": case.pk, "order_no": case.order_no, "amount": amount}
    return PROPOSE_REFUND.title, url_of(ChannelRefund, PROPOSE_REFUND, **given)


def _adjust_case(request, case):
    """Credit the payer with what the case holds."""
    held = cases_verbs.held_by(case)
    if not held or not request.user.has_perm(PROPOSE_ADJUSTMENT.permission):
        return None
    order = PaymentOrder.objects.filter(order_no=case.order_no).first() if case.order_no else None
    given = {
        "case_id": case.pk,
        "other": accounts.SUSPENSE,
        "is_credit": "credit",
        "amount": held,
        "user_id": order.user_id if order else "",
    }
    return PROPOSE_ADJUSTMENT.title, url_of(Adjustment, PROPOSE_ADJUSTMENT, **given)


def _case_of(request, adjustment):
    """On an adjustment's page: the case whose money it moves."""
    case = adjustment.case_id and Case.objects.filter(pk=adjustment.case_id).first()
    return case_rows([case]) if case else None


def _refund_order(request, order):
    is_topup = order.purpose == "topup" and order.status == OrderStatus.CONFIRMED
    if not is_topup or not request.user.has_perm(PROPOSE_REFUND.permission):
        return None
    of_it = {"pay_type": PayType(order.pay_type), "trade_no": order.trade_no, "paid": order.amount}
    if not (amount := refunded.rest(**of_it)):
        return None
    given = {"order_no": order.order_no, "amount": amount}
    return PROPOSE_REFUND.title, url_of(ChannelRefund, PROPOSE_REFUND, **given)


LedgerLineAdmin.sections.append(_refunded)
CaseAdmin.offers += [_refund_case, _adjust_case]
AdjustmentAdmin.sections.append(_case_of)
PaymentOrderAdmin.offers.append(_refund_order)


def _orders_of(request, wallet):
    """On a wallet's page: its owner's latest orders. Each status is a range of one index."""
    if not request.user.has_perm("payments.view_paymentorder"):
        return None
    mine = PaymentOrder.objects.filter(user_id=wallet.user_id).defer("pay_params")
    by_status = (mine.filter(status=s).order_by("-pk")[:LATEST] for s in OrderStatus)
    latest = sorted((o for orders in by_status for o in orders), key=lambda o: -o.pk)[:LATEST]
    return order_rows(latest, _("Payment orders (latest)"))


WalletAdmin.sections.append(_orders_of)


@finder(gettext_lazy("payment orders"), "payments.view_paymentorder")
def orders(word):
    by_number = PaymentOrder.objects.filter(order_no=word)
    by_trade = PaymentOrder.objects.filter(trade_no=word)[:SHOWN]
    for order in {o.pk: o for rows in (by_number, by_trade) for o in rows}.values():
        note = f"{order.user_id}, {PayType(order.pay_type).label}, {order.amount:,.2f}"
        yield Hit(page_of(order), order.order_no, note)


@finder(gettext_lazy("channel refunds"), "payments.view_channelrefund")
def refunds(word):
    for refund in ChannelRefund.objects.filter(refund_no=word):
        yield Hit(page_of(refund), refund.refund_no, f"{refund.amount:,.2f}")


def _repeating(model, word):
    rows = [model.objects.filter(**{f: word})[:SHOWN] for f in ("order_no", "trade_no")]
    return {row.pk: row for side in rows for row in side}.values()


@finder(gettext_lazy("cases"), "payments.view_case", is_echo=True)
def cases(word):
    for case in _repeating(Case, word):
        yield Hit(page_of(case), case.get_kind_display(), f"{case.amount:,.2f}")


@finder(gettext_lazy("notifications"), "payments.view_notification", is_echo=True)
def notifications(word):
    for notice in _repeating(Notification, word):
        yield Hit(page_of(notice), notice.get_pay_type_display(), str(outcome_of(notice)))
