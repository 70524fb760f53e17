"""What pages show of payments: states, rows, and what other pages say of them."""

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from kit.marks import sentences
from kit.money import ZERO
from kit.telling import told
from office.frame.columns import cells
from office.frame.dossier import Entry, Section, badge, moment, table, to, toned
from office.frame.find import SHOWN
from office.shown.wallets import eyes
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import (
    WITH_MONEY,
    CaseStatus,
    NoticeOutcome,
    OrderStatus,
    RefundStatus,
)
from wallets.states import LineKind

LATEST = 20

_NOTICE_TONES = {
    NoticeOutcome.CONFIRMED: "open",
    NoticeOutcome.FORGED: "void",
    NoticeOutcome.ERROR: "void",
    NoticeOutcome.SUSPENSE: "awaiting",
    NoticeOutcome.DOUBTED: "awaiting",
    NoticeOutcome.CONTRADICTED: "void",
}

NOTICE_WORDS = {
    NoticeOutcome.STORED: _("kept, not looked at yet"),
    NoticeOutcome.FORGED: _("forged: changed nothing"),
    NoticeOutcome.CONFIRMED: _("payment confirmed"),
    NoticeOutcome.DUPLICATE: _("said before"),
    NoticeOutcome.SUSPENSE: _("money in suspense"),
    NoticeOutcome.DOUBTED: _("not what our books say: it will come again"),
    NoticeOutcome.CONTRADICTED: _("against our books: a case"),
    NoticeOutcome.NOTED: _("noted, no payment"),
    NoticeOutcome.ERROR: _("we failed: it will come again"),
}


def outcome_of(notice):
    """What became of a notification, in words."""
    return NOTICE_WORDS.get(notice.outcome, notice.outcome)


order_status = toned(
    "status",
    OrderStatus,
    created="unpaid",
    reported="awaiting",
    confirmed="open",
    closed="closed",
    unpaid="void",
    failed="void",
)


ORDER_SENTENCES = {
    OrderStatus.CREATED: _(
        "%(user)s wants to pay %(money)s yuan by %(channel)s; nothing has arrived."
    ),
    OrderStatus.REPORTED: _(
        "%(user)s says that %(money)s yuan are paid by %(channel)s, which has not confirmed it yet."
    ),
    OrderStatus.CONFIRMED: _("%(user)s has paid %(money)s yuan by %(channel)s."),
    OrderStatus.CLOSED: _("%(user)s did not pay the %(money)s yuan by %(channel)s in time."),
    OrderStatus.UNPAID: _(
        "%(user)s said that %(money)s yuan were paid by %(channel)s; they never arrived."
    ),
    OrderStatus.FAILED: _(
        "%(user)s could not begin to pay %(money)s yuan: %(channel)s refused the order."
    ),
}


def late_money(cases) -> Decimal:
    """What arrived and nobody wanted: too late, twice, or another amount."""
    return sum((case.amount for case in cases if case.kind in WITH_MONEY), ZERO)


def order_sentence(order, cases) -> str:
    given = {
        "user": order.user_id,
        "money": f"{order.amount:,.2f}",
        "channel": order.get_pay_type_display(),
        "late": f"{late_money(cases):,.2f}",
    }
    said = ORDER_SENTENCES[OrderStatus(order.status)] % given
    if not late_money(cases):
        return said
    return sentences([said, _("%(late)s yuan more arrived for it: see the cases.") % given])


REFUND_SENTENCES = {
    RefundStatus.PROPOSED: _("%(money)s yuan are to go back through %(channel)s."),
    RefundStatus.APPROVED: _("%(money)s yuan are about to go back through %(channel)s."),
    RefundStatus.SENT: _(
        "%(channel)s is told to pay %(money)s yuan back, and has not said yet that it did."
    ),
    RefundStatus.DONE: _("%(money)s yuan went back through %(channel)s."),
    RefundStatus.FAILED: _(
        "%(channel)s did not pay %(money)s yuan back; they are where they were before."
    ),
    RefundStatus.REJECTED: _("%(money)s yuan did not go back: it was rejected."),
    RefundStatus.WITHDRAWN: _("%(money)s yuan did not go back: it was withdrawn."),
    RefundStatus.PARKED: _("%(money)s yuan wait at %(channel)s, which cannot reach the payer."),
}


def refund_sentence(refund) -> str:
    given = {"money": f"{refund.amount:,.2f}", "channel": refund.get_pay_type_display()}
    return REFUND_SENTENCES[RefundStatus(refund.status)] % given


def case_status(case) -> str:
    if case.status == CaseStatus.OPEN:
        return badge("awaiting", _("to be decided"))
    return badge("finished", _("resolved"))


refund_status = toned(
    "status",
    RefundStatus,
    proposed="awaiting",
    parked="awaiting",
    approved="finished",
    sent="finished",
    done="open",
    failed="void",
    rejected="closed",
    withdrawn="closed",
)


def notice_outcome(notice) -> str:
    return badge(_NOTICE_TONES.get(notice.outcome, "unpaid"), outcome_of(notice))


def notice_entries(notices) -> list[Entry]:
    """Each as a line of a timeline."""
    return [
        Entry(
            notice.created_at,
            notice.get_pay_type_display(),
            _("sends a notification: %(outcome)s") % {"outcome": outcome_of(notice)},
            "channel",
            told(notice.says),
        )
        for notice in notices
    ]


def order_rows(orders, title=None) -> Section:
    columns = [
        (_("order number"), lambda order: to(order, order.order_no)),
        *cells(PaymentOrder, "amount"),
        (_("status"), order_status),
        *cells(PaymentOrder, "pay_type", "trade_no", "add_time"),
    ]
    return table(title or _("Payment orders"), orders, columns, "orders")


def case_rows(cases) -> Section:
    columns = [
        (_("case"), lambda case: to(case, case.get_kind_display())),
        *cells(Case, "amount"),
        (_("status"), case_status),
        (_("says"), lambda case: told(case.says)),
        (_("case opened at"), lambda case: moment(case.created_at)),
    ]
    return table(_("Cases"), cases, columns, "cases")


def refund_rows(refunds) -> Section:
    columns = [
        (_("refund number"), lambda refund: to(refund, refund.refund_no)),
        *cells(ChannelRefund, "amount"),
        (_("status"), refund_status),
        *cells(ChannelRefund, "maker", "checker", "proposed_at"),
    ]
    return table(_("Channel refunds"), refunds, columns, "refunds")


def refunded_by(request, line):
    """On a ledger line's page: the channel refund behind it, or whose failure it undoes."""
    if line.kind not in (LineKind.CHANNEL_REFUND, LineKind.ADJUSTMENT, LineKind.SUSPENSE):
        return None
    rows = ChannelRefund.objects.filter(refund_no=line.reference)
    row = rows.select_related("maker", "checker").first()
    return row and eyes(row)


def case_of(request, adjustment):
    """On an adjustment's page: the case whose money it moves."""
    case = adjustment.case_id and Case.objects.filter(pk=adjustment.case_id).first()
    return case_rows([case]) if case else None


def orders_of(request, wallet):
    """On a wallet's page: its owner's latest orders."""
    if not request.user.has_perm("payments.view_paymentorder"):
        return None
    mine = PaymentOrder.objects.filter(user_id=wallet.user_id).defer("pay_params")
    return order_rows(mine.order_by("-pk")[:LATEST], _("Payment orders (latest)"))


def repeating(model, word):
    rows = [model.objects.filter(**{f: word})[:SHOWN] for f in ("order_no", "trade_no")]
    return {row.pk: row for side in rows for row in side}.values()
