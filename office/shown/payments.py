"""What pages show of payments: states, rows, and what other pages say of them."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office.frame.dossier import Section, badge, moment, to, yuan
from office.frame.find import SHOWN
from office.shown.wallets import eyes
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseStatus, NoticeOutcome, OrderStatus, RefundStatus
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
    """On a wallet's page: its owner's latest orders. Each status is a range of one index."""
    if not request.user.has_perm("payments.view_paymentorder"):
        return None
    mine = PaymentOrder.objects.filter(user_id=wallet.user_id).defer("pay_params")
    by_status = (mine.filter(status=s).order_by("-pk")[:LATEST] for s in OrderStatus)
    latest = sorted((o for orders in by_status for o in orders), key=lambda o: -o.pk)[:LATEST]
    return order_rows(latest, _("Payment orders (latest)"))


def repeating(model, word):
    rows = [model.objects.filter(**{f: word})[:SHOWN] for f in ("order_no", "trade_no")]
    return {row.pk: row for side in rows for row in side}.values()
