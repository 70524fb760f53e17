"""Money back the way it came (原路退款), under four eyes: proposed by one, decided by another; the
channel is told by send_refund.py."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kit import credentials, ids, later, money, pause, retry
from kit.moves import move
from kit.refusals import Forbidden, Invalid
from kit.retry import Also
from payments import bills, cases, refunded, sayings, trades
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseKind, CaseStatus, OrderStatus, PayType, RefundStatus
from wallets import accounts, adjust, ledger
from wallets.states import LineKind

NOON = timedelta(hours=12)


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
    also: Also | None = None,
) -> ChannelRefund:
    """Propose to refund what a case holds in suspense, or a confirmed top-up out of its wallet; in
    any number of parts.

    Races:  the payment's own row holds the sum of all parts (refunded.py).
    Raises: Invalid (400) above the maker's limit or what the case holds, NothingLeft (409) above
            the rest of the payment.
    Spec:   2.7
    """
    payment = chosen(case_id=case_id, order_no=order_no, amount=amount)
    return put_forward(
        payment,
        amount=money.yuan(amount),
        reason=reason,
        attachment=attachment,
        maker_id=maker_id,
        now=now,
    )


@dataclass(frozen=True, slots=True)
class Refundable:
    """What can be refunded: how it was paid, and the account that holds its money now."""

    pay_type: PayType
    order_no: str
    trade_no: str
    paid: Decimal
    source: str
    case: Case | None = None

    @property
    def rest(self) -> Decimal:
        """What has not gone back yet and is not under way; at most what its case holds."""
        rest = refunded.rest(pay_type=self.pay_type, trade_no=self.trade_no, paid=self.paid)
        return min(rest, cases.held_by(self.case)) if self.case and self.is_held else rest

    @property
    def is_held(self) -> bool:
        return self.case is not None and self.source == accounts.SUSPENSE


def chosen(*, case_id: int | None, order_no: str, amount: Decimal) -> Refundable:
    """The payment behind a case, or a confirmed top-up, that has so much left; raises Invalid (400)
    or NothingLeft (409)."""
    payment = _behind(case_id) if case_id else _topup(order_no)
    most = min(payment.paid, settings.REDPACKET_MAKER_MAX)
    if not 0 < money.yuan(amount) <= most:
        raise Invalid(errors={"amount": [adjust.over_limit(most)]})
    if amount > payment.rest:
        left = {"rest": f"{payment.rest:,.2f}"}
        raise refunded.NothingLeft(
            _("%(rest)s yuan of this payment are left; the others went back or are under way.")
            % left
        )
    return payment


def _topup(order_no: str) -> Refundable:
    order = PaymentOrder.objects.filter(
        order_no=order_no, purpose="topup", status=OrderStatus.CONFIRMED
    ).first()
    if order is None:
        raise Invalid(errors={"order_no": [_("Not a confirmed top-up.")]})
    source = accounts.wallet(order.user_id)
    pay_type = PayType(order.pay_type)
    return Refundable(pay_type, order.order_no, order.trade_no, order.amount, source)


def _behind(case_id: int) -> Refundable:
    case = Case.objects.filter(pk=case_id).first()
    payment = _of_case(case) if case else None
    if payment is None:
        raise Invalid(errors={"case": [_("Its money is not in suspense.")]})
    return payment


def paid_of(case: Case) -> Decimal:
    """What the payment came to whose money this case holds."""
    paid = case.amount
    if case.kind == CaseKind.REFUND_FAILED:  # about a part of it
        failed = ChannelRefund.objects.filter(refund_no=case.reference).first()
        paid = failed.paid if failed else paid
    return trades.paid(PayType(case.pay_type), case.trade_no, paid)


def _of_case(case: Case) -> Refundable | None:
    """The payment whose money this open case is about, if that can go back through its channel."""
    if case.status != CaseStatus.OPEN or not case.trade_no:
        return None
    paid, source = case.amount, accounts.SUSPENSE
    if case.kind == CaseKind.REFUND_FAILED:  # about a part of a payment
        failed = ChannelRefund.objects.filter(refund_no=case.reference).first()
        if failed is None:
            return None
        paid, source = failed.paid, failed.source
    if source == accounts.SUSPENSE and not cases.held_by(case):
        return None
    pay_type = PayType(case.pay_type)
    paid = trades.paid(pay_type, case.trade_no, paid)
    return Refundable(pay_type, case.order_no, case.trade_no, paid, source, case)


def refundable(case: Case) -> Decimal:
    """How much of this case's payment can be proposed to go back now."""
    payment = _of_case(case)
    return payment.rest if payment else money.ZERO


def put_forward(
    payment: Refundable,
    *,
    amount: Decimal,
    reason: str,
    now: datetime,
    maker_id: int | None = None,
    attachment: str = "",
    theirs: Mapping[str, Any] | None = None,
) -> ChannelRefund:
    """Propose a refund; for use inside the proposer's transaction. No maker: a rule proposes it.
    `theirs`: what a bill says of one that the channel has made (book_refund.py).

    Raises: NothingLeft (409).
    """
    told = {field.name: getattr(payment, field.name) for field in fields(payment)}
    refunded.reserve(
        pay_type=payment.pay_type, trade_no=payment.trade_no, paid=payment.paid, amount=amount
    )
    return ChannelRefund.objects.create(
        refund_no=ids.merchant_no("rf"),
        **told,
        amount=amount,
        reason=reason[:255],
        attachment=attachment,
        maker_id=maker_id,
        proposed_at=now,
        **(theirs or {}),
    )


@retry.unit
def approve(*, refund_no: str, checker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Let the money go: it leaves its account now, and the channel is told; one that was made at
    the channel is done by that. False when somebody else decided first.

    Money:   source -> clearing, one line, reference: the refund number.
    Races:   proposed -> approved (done) by the row's WHERE; the database refuses maker = checker.
    Raises:  Forbidden (403) for the maker himself, Fresh (403) by new credentials,
             Invalid (400) above the checker's limit, InsufficientBalance (409),
             Uncovered (409) when its case's money has left meanwhile.
    """
    credentials.refuse_fresh(checker_id, now=now)
    theirs = ChannelRefund.objects.filter(refund_no=refund_no).exclude(their_no="").first()
    if theirs:
        refund = _decide(refund_no, RefundStatus.DONE, checker_id, now, **_made_there(theirs, now))
    else:
        refund = _decide(refund_no, RefundStatus.APPROVED, checker_id, now, chase_at=now)
    if refund is None:
        return False
    if refund.amount > most_for_checker(refund):
        raise Invalid(errors={"amount": [adjust.over_limit(most_for_checker(refund))]})
    ledger.post(
        kind=LineKind.CHANNEL_REFUND,
        reference=refund.refund_no,
        source=refund.source,
        target=accounts.clearing(PayType(refund.pay_type).word),
        amount=refund.amount,
        now=now,
        note=refund.reason,
        case_id=refund.case_id,
    )
    if theirs:
        _found(theirs, now)
    else:
        transaction.on_commit(lambda: later.run("payments.send_refund", refund.pk))
    return True


def _made_there(theirs: ChannelRefund, now: datetime) -> dict[str, Any]:
    """Done on the day in whose bill it stands, and that is all that is known."""
    day = theirs.billed_on
    at = bills.bounds(PayType(theirs.pay_type), day)[0] + NOON if day else now
    return {"done_at": at, "settle_date": day}


def _found(theirs: ChannelRefund, now: datetime) -> None:
    """The rows of bills that named it are explained."""
    about = {"kind": CaseKind.BILL_SHORTFALL, "pay_type": theirs.pay_type}
    says = sayings.BOOKED_AS % {"number": theirs.refund_no}
    for case in Case.objects.filter(trade_no=theirs.trade_no, **about):
        named = case.reference.split(":", 2)[-1]
        if named in (theirs.their_no, f"{theirs.their_no}:refund") and named != case.trade_no:
            cases.known(
                kinds=[CaseKind.BILL_SHORTFALL], reference=case.reference, says=says, now=now
            )


def most_for_checker(refund: ChannelRefund) -> Decimal:
    """A person's proposal is limited; a rule's is the payment, which came in whole, and what the
    channel has given back already is gone."""
    is_limited = refund.maker_id and not refund.their_no
    return settings.REDPACKET_CHECKER_MAX if is_limited else refund.paid


@retry.unit
def reject(*, refund_no: str, checker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Do not refund; the money stays where it is. False when somebody else decided first."""
    refunded.turn(ChannelRefund.objects.get(refund_no=refund_no))
    refund = _decide(refund_no, RefundStatus.REJECTED, checker_id, now, open_key=None)
    if refund is None:
        return False
    refunded.recount(refund)
    return True


@retry.unit
def withdraw(*, refund_no: str, maker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Take back what oneself has proposed; False when somebody decided first.

    Raises:  Forbidden (403) for anybody but the maker.
    """
    refund = ChannelRefund.objects.get(refund_no=refund_no)
    if refund.maker_id != maker_id:
        raise Forbidden()
    refunded.turn(refund)
    row = ChannelRefund.objects.filter(pk=refund.pk)
    if not move(row, to=RefundStatus.WITHDRAWN, decided_at=now, open_key=None):
        return False
    refunded.recount(refund)
    return True


def _decide(
    refund_no: str, to: RefundStatus, checker_id: int, now: datetime, **changes: Any
) -> ChannelRefund | None:
    refund = ChannelRefund.objects.get(refund_no=refund_no)
    if refund.maker_id == checker_id:
        raise Forbidden()
    pause.here("refund: is about to be decided")
    proposed = ChannelRefund.objects.filter(pk=refund.pk, status=RefundStatus.PROPOSED)
    decided = move(proposed, to=to, checker_id=checker_id, decided_at=now, **changes)
    return refund if decided else None
