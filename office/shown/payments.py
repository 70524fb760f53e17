"""What pages show of payments: states, rows, and what other pages say of them."""

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.money import ZERO
from kit.telling import told
from office.frame.dossier import Section, badge, moment, to, yuan
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


def outcome_of(notice):
    """What became of a notification, in words."""
    return NOTICE_WORDS.get(notice.outcome, notice.outcome)


def order_status(order) -> str:
    return badge(_ORDER_TONES[OrderStatus(order.status)], order.get_status_display())


ORDER_SENTENCES = {
    OrderStatus.CREATED: gettext_lazy(
        "%(user)s wants to pay %(money)s yuan by %(channel)s; nothing has arrived."
    ),
    OrderStatus.REPORTED: gettext_lazy(
        "%(user)s says that %(money)s yuan are paid by %(channel)s, which has not confirmed it yet."
    ),
    OrderStatus.CONFIRMED: gettext_lazy("%(user)s has paid %(money)s yuan by %(channel)s."),
    OrderStatus.CLOSED: gettext_lazy(
        "%(user)s did not pay the %(money)s yuan by %(channel)s in time."
    ),
    OrderStatus.UNPAID: gettext_lazy(
        "%(user)s said that %(money)s yuan were paid by %(channel)s; they never arrived."
    ),
    OrderStatus.FAILED: gettext_lazy(
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
    return f"{said} " + _("%(late)s yuan more arrived for it: see the cases.") % given


REFUND_SENTENCES = {
    RefundStatus.PROPOSED: gettext_lazy("%(money)s yuan are to go back through %(channel)s."),
    RefundStatus.APPROVED: gettext_lazy("%(money)s yuan are about to go back through %(channel)s."),
    RefundStatus.SENT: gettext_lazy(
        "%(channel)s is told to pay %(money)s yuan back, and has not said yet that it did."
    ),
    RefundStatus.DONE: gettext_lazy("%(money)s yuan went back through %(channel)s."),
    RefundStatus.FAILED: gettext_lazy(
        "%(channel)s did not pay %(money)s yuan back; they are where they were before."
    ),
    RefundStatus.REJECTED: gettext_lazy("%(money)s yuan did not go back: it was rejected."),
    RefundStatus.WITHDRAWN: gettext_lazy("%(money)s yuan did not go back: it was withdrawn."),
    RefundStatus.PARKED: gettext_lazy(
        "%(money)s yuan wait at %(channel)s, which cannot reach the payer."
    ),
}


def refund_sentence(refund) -> str:
    given = {"money": f"{refund.amount:,.2f}", "channel": refund.get_pay_type_display()}
    return REFUND_SENTENCES[RefundStatus(refund.status)] % given


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
            to(order, order.order_no),
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
            to(case, case.get_kind_display()),
            case_status(case),
            yuan(case.amount),
            told(case.says),
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
            to(refund, refund.refund_no),
            refund_status(refund),
            yuan(refund.amount),
            refund.maker or _("system"),
            refund.checker or "-",
            moment(refund.proposed_at),
        ]
        for refund in refunds
    ]
    return Section(_("Channel refunds"), columns, rows, name="refunds")


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
