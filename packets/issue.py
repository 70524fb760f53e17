"""The packet becomes grabbable (发出), and what a payment at a channel does to it."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from kit import pause
from kit.moves import move
from kit.present import present
from packets import named, news, settle
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from packets.tickets import queue
from payments.models import PaymentOrder
from payments.purposes import Fits, Misfit, NoLongerFits
from payments.refusals import AlreadyPaid
from payments.states import PAYABLE, CaseKind, PayType
from wallets import accounts
from wallets.states import LineKind


def issue(
    packet: RedPacket,
    *,
    to: PayStatus,
    pay_type: PayType,
    now: datetime,
    trade_no: str = "",
    even_frozen: bool = False,
) -> None:
    """Issue a draft; for use inside the payer's transaction. Changes `packet` to match.

    Races:  two payers, or a payer and the draft sweep: the row's WHERE lets one through.
    Raises: AlreadyPaid (409); the payer's transaction rolls back whole.
    Spec:   1.4, 1.8 (expire_time is stored here: a changed setting touches new packets only)
    """
    facts = {
        "pay_type": pay_type,
        "trade_no": trade_no,
        "pay_time": now,
        "expire_time": now + timedelta(seconds=settings.REDPACKET_EXPIRE_S),
        "draft_until": None,
    }
    draft = RedPacket.objects.filter(
        pk=packet.pk, pay_status=PayStatus.UNPAID, closed_at=None, voided_at=None
    )
    if not move(draft if even_frozen else draft.filter(is_frozen=False), to=to, **facts):
        raise AlreadyPaid()
    for name, value in {"pay_status": to, **facts}.items():
        setattr(packet, name, value)
    news.tell(
        "packet.issued",
        packet,
        now=now,
        type=Kind(packet.type).word,
        intro=packet.intro,
        number=packet.number,
        for_users=named.people_of([packet]).get(packet.pk),
        pay_status=to.word,
        expire_time=timezone.localtime(present(packet.expire_time)).isoformat(),
    )
    transaction.on_commit(lambda: queue.prepare(packet.public_id))


def accepts(order: PaymentOrder) -> Fits | Misfit:
    """Whether the packet still wants this payment, and where the money goes.

    A frozen packet takes its money: it is what is inside that may not move. So does a draft past
    its deadline until the sweep has closed it.
    """
    packet = RedPacket.objects.filter(public_id=order.reference).first()
    if packet is None or packet.closed_at or packet.voided_at:
        return Misfit(CaseKind.LATE_PAYMENT)
    if packet.pay_status == PayStatus.PAID:
        return Misfit(CaseKind.SECOND_PAYMENT)
    if packet.total_money != order.amount:
        return Misfit(CaseKind.WRONG_AMOUNT)
    return Fits(accounts.escrow(packet.public_id), LineKind.CHANNEL_PAY)


def reported(order: PaymentOrder, now: datetime) -> None:
    """The app says paid: 0 -> 2, and the packet goes out at once (Spec 1.7.1).

    For use inside the transaction that marks the order reported.
    Races:   the row's WHERE: never 1 -> 2, never backwards.
    Repeats: a packet that is issued, closed or void already stays as it is. So does a frozen one:
             hearsay does not send it out; the channel's own word will. Nor does an order that has
             ended meanwhile: nobody would void its packet.
    """
    packet = RedPacket.objects.filter(public_id=order.reference).first()
    if packet is None:
        return
    payable = PaymentOrder.objects.filter(pk=order.pk, status__in=PAYABLE)
    try:
        with transaction.atomic():
            issue(packet, to=PayStatus.AWAITING, **_by(order), now=now)
            if not payable.exists():  # read behind the packet's row, where void.ended() waits
                raise AlreadyPaid()
    except AlreadyPaid:
        return


def confirmed(order: PaymentOrder, now: datetime) -> None:
    """The money is in the escrow: 0 or 2 -> 1, and the two settlement passes are queued.

    For use inside the transaction that confirms the order, behind its ledger line. The packet's
    row and its passes are the last writes, in this order (docs/locks.md).
    Races:   another payment, the void, the draft sweep: the row's WHERE lets one through.
    Repeats: the order is confirmed once.
    Raises:  NoLongerFits; everything rolls back and is asked again.
    Spec:    1.7
    """
    packet = RedPacket.objects.filter(public_id=order.reference).first()
    if packet is None or not (_issued_paid(packet, order, now) or arrived(packet, order)):
        raise NoLongerFits()
    settle.schedule(packet, now)


def _by(order: PaymentOrder) -> dict[str, Any]:
    return {"pay_type": PayType(order.pay_type), "trade_no": order.trade_no}


def _issued_paid(packet: RedPacket, order: PaymentOrder, now: datetime) -> bool:
    """The channel was faster than the app. Tried first: a report in between only moves 0 -> 2."""
    try:
        issue(packet, to=PayStatus.PAID, **_by(order), now=now, even_frozen=True)
    except AlreadyPaid:
        pause.here("issue: has found it issued")
        return False
    return True


def arrived(packet: RedPacket, order: PaymentOrder) -> bool:
    """An issued packet's money has come; pay_time stays the moment it became grabbable."""
    awaiting = RedPacket.objects.filter(
        pk=packet.pk, pay_status=PayStatus.AWAITING, closed_at=None, voided_at=None
    )
    if not move(awaiting, to=PayStatus.PAID, pay_type=order.pay_type, trade_no=order.trade_no):
        return False
    transaction.on_commit(lambda: queue.paid(RedPacket.objects.get(pk=packet.pk)))
    return True
