"""Money back the way it came (原路退款), under four eyes: proposed by one, decided by another; the
channel is told by send_refund.py."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import OrderStatus, PayType, RefundStatus
from redpacket_site.kit import ids, later, money, retry
from redpacket_site.kit.moves import move
from redpacket_site.kit.problems import Conflict, Forbidden, Invalid
from wallets import accounts, adjust, ledger
from wallets.models import Kind, LedgerLine


class AlreadyProposed(Conflict):
    code, detail = "already_proposed", _("A refund of this payment is under way.")


@retry.unit
def propose(
    *,
    case_id: int | None = None,
    order_no: str = "",
    amount: Decimal,
    reason: str,
    maker_id: int,
    now: datetime,
    attachment: str = "",
) -> ChannelRefund:
    """Propose to refund what a case holds in suspense, or a confirmed top-up out of its wallet.

    Raises: Invalid (400) above the maker's limit or the payment, AlreadyProposed (409).
    Spec:   2.7
    """
    payment = payment_of(case_id=case_id, order_no=order_no, amount=amount)
    try:
        with transaction.atomic():
            return put_forward(
                pay_type=payment.pay_type,
                order_no=payment.order_no,
                trade_no=payment.trade_no,
                paid=payment.paid,
                amount=money.yuan(amount),
                source=payment.source,
                reason=reason,
                attachment=attachment,
                case=payment.case,
                maker_id=maker_id,
                now=now,
            )
    except IntegrityError:
        raise AlreadyProposed() from None


@dataclass(frozen=True, slots=True)
class Payment:
    """What can be refunded: how it was paid, and the account that holds its money now."""

    pay_type: PayType
    order_no: str
    trade_no: str
    paid: Decimal
    source: str
    case: Case | None = None


def payment_of(*, case_id: int | None, order_no: str, amount: Decimal) -> Payment:
    """The payment that a case holds in suspense, or a confirmed top-up; raises Invalid (400)."""
    if case_id:
        case = Case.objects.filter(pk=case_id).first()
        if case is None or not _is_held(case):
            raise Invalid(errors={"case": [_("Its money is not in suspense.")]})
        payment = Payment(
            PayType(case.pay_type),
            case.order_no,
            case.trade_no,
            case.amount,
            accounts.SUSPENSE,
            case,
        )
    else:
        order = PaymentOrder.objects.filter(
            order_no=order_no, purpose="topup", status=OrderStatus.CONFIRMED
        ).first()
        if order is None:
            raise Invalid(errors={"order_no": [_("Not a confirmed top-up.")]})
        source = accounts.wallet(order.user_id)
        payment = Payment(
            PayType(order.pay_type), order.order_no, order.trade_no, order.amount, source
        )
    most = min(payment.paid, settings.REDPACKET_MAKER_MAX)
    if not 0 < money.yuan(amount) <= most:
        raise Invalid(errors={"amount": [adjust.over_limit(most)]})
    return payment


def is_refundable(case: Case) -> bool:
    """Whether a refund of this case's money can be proposed now."""
    key = _open_key(PayType(case.pay_type), case.trade_no)
    return _is_held(case) and not ChannelRefund.objects.filter(open_key=key).exists()


def put_forward(
    *,
    pay_type: PayType,
    order_no: str,
    trade_no: str,
    paid: Decimal,
    amount: Decimal,
    source: str,
    reason: str,
    now: datetime,
    case: Case | None = None,
    maker_id: int | None = None,
    attachment: str = "",
) -> ChannelRefund:
    """Propose a refund; for use inside the proposer's transaction. No maker: a rule proposes it.

    Races: one refund of a payment at a time: `open_key` is unique (IntegrityError).
    """
    return ChannelRefund.objects.create(
        refund_no=ids.merchant_no("rf"),
        pay_type=pay_type,
        order_no=order_no,
        trade_no=trade_no,
        paid=paid,
        amount=amount,
        source=source,
        reason=reason[:255],
        attachment=attachment,
        case=case,
        maker_id=maker_id,
        proposed_at=now,
        open_key=_open_key(pay_type, trade_no),
    )


def _open_key(pay_type: PayType, trade_no: str) -> str:
    return f"{pay_type.word}:{trade_no}"


@retry.unit
def approve(*, refund_no: str, checker_id: int, now: datetime) -> bool:
    """Let the money go: it leaves its account now, and the channel is told; False when somebody
    else decided first.

    Money:   source -> clearing, one line, reference: the refund number.
    Races:   proposed -> approved by the row's WHERE; the database refuses maker = checker.
    Raises:  Forbidden (403) for the maker himself, Invalid (400) above the checker's limit,
             InsufficientBalance (409).
    """
    refund = _decide(refund_no, RefundStatus.APPROVED, checker_id, now, chase_at=now)
    if refund is None:
        return False
    if refund.amount > settings.REDPACKET_CHECKER_MAX:
        raise Invalid(errors={"amount": [adjust.over_limit(settings.REDPACKET_CHECKER_MAX)]})
    ledger.post(
        kind=Kind.CHANNEL_REFUND,
        reference=refund.refund_no,
        source=refund.source,
        target=accounts.clearing(PayType(refund.pay_type).word),
        amount=refund.amount,
        now=now,
        note=refund.reason,
    )
    transaction.on_commit(lambda: later.run("payments.send_refund", refund.pk))
    return True


@retry.unit
def reject(*, refund_no: str, checker_id: int, now: datetime) -> bool:
    """Do not refund; the money stays where it is. False when somebody else decided first."""
    return _decide(refund_no, RefundStatus.REJECTED, checker_id, now, open_key=None) is not None


def _is_held(case: Case) -> bool:
    """Whether this case's money came to suspense. That it leaves once, `open_key` sees to."""
    return LedgerLine.objects.filter(kind=Kind.SUSPENSE, reference=case.reference).exists()


def _decide(
    refund_no: str, to: RefundStatus, checker_id: int, now: datetime, **changes
) -> ChannelRefund | None:
    refund = ChannelRefund.objects.get(refund_no=refund_no)
    if refund.maker_id == checker_id:
        raise Forbidden()
    proposed = ChannelRefund.objects.filter(pk=refund.pk, status=RefundStatus.PROPOSED)
    decided = move(proposed, to=to, checker_id=checker_id, decided_at=now, **changes)
    return refund if decided else None
