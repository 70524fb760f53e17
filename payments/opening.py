"""An order at a channel is opened, or given again (下单)."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from payments.channels import http, registry
from payments.channels.base import Channel, ChannelDown, NotSent, Refused, Reused, Wanted
from payments.models import PaymentOrder
from payments.order import end, supersede
from payments.states import PAYABLE, OrderStatus, PayType, Scene
from redpacket_site.kit import ids, retry, turns
from redpacket_site.kit.moves import move
from redpacket_site.kit.problems import ChannelUnavailable, TooManyOpen, Unavailable

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


def open_order(bill: Bill, *, now: datetime, also: retry.Also | None = None) -> PaymentOrder:
    """An order that the channel has taken, with the parameters that the app's SDK needs.

    The order is committed before the channel is called, and its answer after: a repeat finds the
    order and calls again with the same number, unless the channel wants another one for it.

    Races:   one open order a key: the unique `open_key` decides. Of two scenes asked for at once
             the one that took the key last is kept: the other closes nobody's order (`_offer`). Of
             twins that both call the channel one may be refused as the other's double: that ends no
             order that somebody has been given or has reported, and nobody is given one that has
             ended. New orders of one payer take turns (kit/turns.py): none slips past the limit.
             The way to the channel is taken before anything is written: who is refused there leaves
             nothing behind.
    Repeats: the same key gives the same order while it can be paid. Another scene gives fresh
             parameters, and a new order where the channel takes one scene a number. Parameters
             that end before their order are fetched anew.
    Raises:  ChannelUnavailable (409) when the channel is not offered or refuses, TooManyOpen (429)
             while the payer has REDPACKET_ORDERS_MAX that can be paid, Unavailable (503).
    Spec:    2.6, 2.9
    """
    try:
        found = _fitting(_with_key(bill), bill, now)
        given = _given(*found, bill) if found else None
        if found and given is not None:
            order, pay_params = found[0], given
        else:
            channel = found[1] if found else _offered(bill.pay_type)
            with http.line(channel.line) if channel.asks_for(bill.scene) else nullcontext():
                order, pay_params = _make(bill, now)
    except NotSent:
        raise
    except ChannelDown as error:
        log.warning("channel_down", channel=bill.pay_type.word, error=str(error))
        raise Unavailable() from error
    except Refused as error:
        raise ChannelUnavailable() from error
    return _offer(order_id=order.pk, pay_params=pay_params, scene=bill.scene, now=now, also=also)


def _with_key(bill: Bill) -> PaymentOrder | None:
    return PaymentOrder.objects.filter(open_key=bill.key).first()


def _offered(pay_type: PayType, merchant: str = "") -> Channel:
    """Raises ChannelUnavailable (409)."""
    try:
        return registry.channel(pay_type, merchant)
    except LookupError:
        raise ChannelUnavailable() from None


def _fitting(
    order: PaymentOrder | None, bill: Bill, now: datetime
) -> tuple[PaymentOrder, Channel] | None:
    """The order, and the channel with its own keys, if it can be paid as this bill says."""
    if order is None or order.expire_time <= now:
        return None
    try:
        channel = registry.channel(bill.pay_type, order.merchant)
    except LookupError:
        return None  # the keys that it was made with are gone: so is the order
    fits = order.scene == bill.scene or channel.takes_any_scene
    return (order, channel) if fits else None


def _given(order: PaymentOrder, channel: Channel, bill: Bill) -> dict | None:
    """What was given for this order, if it is good for this bill and still counts."""
    is_good = order.scene == bill.scene and not channel.ends_early(bill.scene)
    return order.pay_params if is_good else None


def _make(bill: Bill, now: datetime) -> tuple[PaymentOrder, dict]:
    """An order that the channel has taken, and what its payer needs. Raises ChannelDown, Refused,
    ChannelUnavailable (409)."""
    order, channel = _order(bill, now)
    pay_params = _given(order, channel, bill)
    if pay_params is None:
        try:
            pay_params = _ask(channel, order, bill, now)
        except Reused as error:
            log.info("channel_wants_another_number", order_no=order.order_no, error=str(error))
            pay_params = _twins(order, bill)
            if pay_params is None:
                _release(order)
                order, channel = _order(bill, now)
                pay_params = _ask(channel, order, bill, now)
    return order, pay_params


def _order(bill: Bill, now: datetime) -> tuple[PaymentOrder, Channel]:
    """The open order of this key or a new one, and the channel with the order's own keys. Raises
    ChannelUnavailable (409)."""
    if order := _with_key(bill):
        if found := _fitting(order, bill, now):
            return found
        _release(order)
    order = _made(bill, _offered(bill.pay_type).merchant, now)
    return order, _offered(bill.pay_type, order.merchant)


def _twins(order: PaymentOrder, bill: Bill) -> dict | None:
    """What a twin was given for this order while we were refused as his double."""
    if order.pay_params is not None:
        return None
    given = PaymentOrder.objects.filter(pk=order.pk, open_key=bill.key, scene=bill.scene)
    return given.values_list("pay_params", flat=True).first()


def _release(order: PaymentOrder) -> None:
    """Make room for another order. This one stays payable, as long as no other is offered."""
    move(PaymentOrder.objects.filter(pk=order.pk, open_key=order.open_key), open_key=None)


def _made(bill: Bill, merchant: str, now: datetime) -> PaymentOrder:
    expire_time = now + timedelta(seconds=settings.REDPACKET_PAY_S)
    order_no = ids.merchant_no("hb")
    order = PaymentOrder(
        order_no=order_no,
        purpose=bill.purpose,
        reference=bill.reference or order_no,
        user_id=bill.user_id,
        pay_type=bill.pay_type,
        scene=bill.scene,
        merchant=merchant,
        amount=bill.amount,
        add_time=now,
        expire_time=expire_time,
        chase_at=expire_time,
        open_key=bill.key,
    )
    try:
        retry.again(lambda: _insert(order, now))
    except (IntegrityError, TooManyOpen) as error:  # a twin was faster, perhaps with the last one
        theirs = PaymentOrder.objects.filter(open_key=bill.key).first()
        if theirs is None:
            raise error if isinstance(error, TooManyOpen) else Unavailable() from None
        return theirs
    return order


def _insert(order: PaymentOrder, now: datetime) -> None:
    with transaction.atomic(durable=True):
        turns.take(order.user_id)
        _refuse_more_orders(order.user_id, now)
        order.save(force_insert=True)


def _refuse_more_orders(user_id: str, now: datetime) -> None:
    """Only within the payer's turn: nobody adds to what is counted here."""
    payable = PaymentOrder.objects.filter(user_id=user_id, status__in=PAYABLE)
    most = settings.REDPACKET_ORDERS_MAX
    ends = payable.order_by("expire_time").values_list("expire_time", flat=True)[:most]
    if len(ends) >= most:
        raise TooManyOpen(int((ends[0] - now).total_seconds()))


def _ask(channel: Channel, order: PaymentOrder, bill: Bill, now: datetime) -> dict:
    """Make it there. Raises ChannelDown, Reused, Refused: then an order that nobody got ends."""
    wanted = Wanted(
        scene=bill.scene,
        subject=bill.subject,
        notify_url=f"{settings.REDPACKET_PUBLIC_URL}/api/v1/payments/notify/{bill.pay_type.word}",
        return_url=settings.REDPACKET_RETURN_URL,
        payer_ip=bill.payer_ip,
    )
    try:
        return channel.create(order, wanted)
    except Reused:
        raise
    except Refused as error:
        log.warning("channel_refused", order_no=order.order_no, error=str(error))
        nobodys = PaymentOrder.objects.filter(pk=order.pk, pay_params__isnull=True)
        end(order_id=order.pk, to=OrderStatus.FAILED, now=now, rows=nobodys)
        raise


@retry.unit
def _offer(
    *, order_id: int, pay_params: dict, scene: Scene, now: datetime, also: retry.Also | None = None
) -> PaymentOrder:
    row = PaymentOrder.objects.filter(pk=order_id)
    if not row.filter(status__in=PAYABLE).update(pay_params=pay_params, scene=scene):
        raise Unavailable()
    order = row.get()
    if _has_the_key(order):
        supersede(purpose=order.purpose, reference=order.reference, now=now, but=order_id)
    return order


def _has_the_key(order: PaymentOrder) -> bool:
    """False: while the channel thought, another order was asked for, and this one is to make room
    for that, not the other way round. Its row is ours since the UPDATE, so this stays true."""
    return order.open_key is not None
