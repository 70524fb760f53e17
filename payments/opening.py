"""An order at a channel is opened, or given again (下单)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from payments.channels import registry
from payments.channels.base import ChannelDown, Refused, Wanted
from payments.models import PaymentOrder
from payments.order import end, supersede
from payments.states import PAYABLE, OrderStatus, PayType, Scene
from redpacket_site.kit import ids, retry
from redpacket_site.kit.moves import move
from redpacket_site.kit.problems import ChannelUnavailable, Unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bill:
    """What somebody wants to pay, and how. `key` names the wish: the same key, the same order."""

    purpose: str
    reference: str  # empty: the order number itself
    key: str
    user_id: str
    amount: Decimal
    pay_type: PayType
    scene: Scene
    subject: str
    payer_ip: str


def open_order(bill: Bill, *, now: datetime, also=None) -> PaymentOrder:
    """An order that the channel has taken, with the parameters that the app's SDK needs.

    The order is committed before the channel is called, and its answer after: a repeat finds the
    order and calls again with the same number.

    Races:   one open order a key: the unique `open_key` decides. Of twins that both call the
             channel one may be refused as the other's double: that ends no order that somebody has
             been given or has reported, and nobody is given one that has ended.
    Repeats: the same key gives the same order while it can be paid; another scene, fresh
             parameters.
    Raises:  ChannelUnavailable (409) when the channel is not offered or refuses, Unavailable (503).
    Spec:    2.6
    """
    try:
        channel = registry.channel(bill.pay_type)
    except LookupError:
        raise ChannelUnavailable() from None
    order = _found(bill, now) or _made(bill, now)
    if order.pay_params is None or order.scene != bill.scene:
        wanted = Wanted(
            scene=bill.scene,
            subject=bill.subject,
            notify_url=f"{settings.REDPACKET_PUBLIC_URL}/api/v1/payments/notify/"
            f"{bill.pay_type.word}",
            return_url=settings.REDPACKET_RETURN_URL,
            payer_ip=bill.payer_ip,
        )
        try:
            pay_params = channel.create(order, wanted)
        except ChannelDown as error:
            log.warning("channel_down", channel=bill.pay_type.word, error=str(error))
            raise Unavailable() from error
        except Refused as error:
            log.warning("channel_refused", order_no=order.order_no, error=str(error))
            nobodys = PaymentOrder.objects.filter(pk=order.pk, pay_params__isnull=True)
            end(order_id=order.pk, to=OrderStatus.FAILED, now=now, rows=nobodys)
            raise ChannelUnavailable() from error
    else:
        pay_params = order.pay_params
    return _offer(order_id=order.pk, pay_params=pay_params, scene=bill.scene, now=now, also=also)


def _found(bill: Bill, now: datetime) -> PaymentOrder | None:
    """The open order of this key; one past its time makes room for a new one."""
    order = PaymentOrder.objects.filter(open_key=bill.key).first()
    if order and order.expire_time <= now:
        move(PaymentOrder.objects.filter(pk=order.pk, open_key=bill.key), open_key=None)
        return None
    return order


def _made(bill: Bill, now: datetime) -> PaymentOrder:
    expire_time = now + timedelta(seconds=settings.REDPACKET_PAY_S)
    order_no = ids.merchant_no("hb")
    order = PaymentOrder(
        order_no=order_no,
        purpose=bill.purpose,
        reference=bill.reference or order_no,
        user_id=bill.user_id,
        pay_type=bill.pay_type,
        scene=bill.scene,
        amount=bill.amount,
        add_time=now,
        expire_time=expire_time,
        chase_at=expire_time,
        open_key=bill.key,
    )
    try:
        with transaction.atomic(durable=True):
            order.save(force_insert=True)
    except IntegrityError:  # a twin was faster
        order = PaymentOrder.objects.filter(open_key=bill.key).first()
        if order is None:
            raise Unavailable() from None
    return order


@retry.unit
def _offer(*, order_id: int, pay_params: dict, scene: Scene, now: datetime) -> PaymentOrder:
    row = PaymentOrder.objects.filter(pk=order_id)
    if not row.filter(status__in=PAYABLE).update(pay_params=pay_params, scene=scene):
        raise Unavailable()
    order = row.get()
    supersede(purpose=order.purpose, reference=order.reference, now=now, but=order_id)
    return order
