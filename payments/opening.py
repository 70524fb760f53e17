"""An order at a channel is opened, or given again (下单)."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Case, F, When

from kit import ids, pause, retry, turns
from kit.moves import move
from kit.refusals import TooManyOpen, Unavailable
from payments import chase
from payments.channels import http, registry
from payments.channels.base import Channel, ChannelDown, NotSent, Refused, Reused, Wanted
from payments.models import PaymentOrder
from payments.order import end, supersede
from payments.refusals import ChannelUnavailable
from payments.states import PAYABLE, OrderStatus, PayType, Scene

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Charge:
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


def open_order(charge: Charge, *, now: datetime, also: retry.Also | None = None) -> PaymentOrder:
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
        found = _fitting(_with_key(charge), charge, now)
        given = _given(*found, charge) if found else None
        if found and given is not None:
            order, pay_params = found[0], given
        else:
            channel = found[1] if found else _offered(charge.pay_type)
            with http.line(channel.line) if channel.asks_for(charge.scene) else nullcontext():
                order, pay_params = _make(charge, now)
    except NotSent:
        raise
    except ChannelDown as error:
        log.warning("channel_down", channel=charge.pay_type.word, error=str(error))
        raise Unavailable() from error
    except Refused as error:
        raise ChannelUnavailable() from error
    return _offer(order_id=order.pk, pay_params=pay_params, scene=charge.scene, now=now, also=also)


def _with_key(charge: Charge) -> PaymentOrder | None:
    return PaymentOrder.objects.filter(open_key=charge.key).first()


def _offered(pay_type: PayType, merchant: str = "") -> Channel:
    """Raises ChannelUnavailable (409)."""
    try:
        return registry.channel(pay_type, merchant)
    except LookupError:
        raise ChannelUnavailable() from None


def _fitting(
    order: PaymentOrder | None, charge: Charge, now: datetime
) -> tuple[PaymentOrder, Channel] | None:
    """The order, and the channel with its own keys, if it can be paid as this charge says."""
    if order is None or order.expire_time <= now:
        return None
    try:
        channel = registry.channel(charge.pay_type, order.merchant)
    except LookupError:
        return None  # the keys that it was made with are gone: so is the order
    fits = order.scene == charge.scene or channel.takes_any_scene
    return (order, channel) if fits else None


def _given(order: PaymentOrder, channel: Channel, charge: Charge) -> dict | None:
    """What was given for this order, if it is good for this charge and still counts."""
    is_good = order.scene == charge.scene and not channel.ends_early(charge.scene)
    return order.pay_params if is_good else None


def _make(charge: Charge, now: datetime) -> tuple[PaymentOrder, dict]:
    """An order that the channel has taken, and what its payer needs. Raises ChannelDown, Refused,
    ChannelUnavailable (409)."""
    order, channel = _order(charge, now)
    pay_params = _given(order, channel, charge)
    if pay_params is None:
        try:
            pay_params = _ask(channel, order, charge, now)
        except Reused as error:
            log.info("channel_wants_another_number", order_no=order.order_no, error=str(error))
            pay_params = _twins(order, charge)
            if pay_params is None:
                _release(order)
                order, channel = _order(charge, now)
                pay_params = _ask(channel, order, charge, now)
    return order, pay_params


def _order(charge: Charge, now: datetime) -> tuple[PaymentOrder, Channel]:
    """The open order of this key or a new one, and the channel with the order's own keys. Raises
    ChannelUnavailable (409)."""
    if order := _with_key(charge):
        if found := _fitting(order, charge, now):
            return found
        _release(order)
    order = _made(charge, _offered(charge.pay_type).merchant, now)
    return order, _offered(charge.pay_type, order.merchant)


def _twins(order: PaymentOrder, charge: Charge) -> dict | None:
    """What a twin was given for this order while we were refused as his double."""
    if order.pay_params is not None:
        return None
    given = PaymentOrder.objects.filter(pk=order.pk, open_key=charge.key, scene=charge.scene)
    return given.values_list("pay_params", flat=True).first()


def _release(order: PaymentOrder) -> None:
    """Make room for another order. This one stays payable, as long as no other is offered: unless
    it is reported, nobody asks before its time is over."""
    at = Case(When(status=OrderStatus.CREATED, then=F("expire_time")), default=F("chase_at"))
    rows = PaymentOrder.objects.filter(pk=order.pk, open_key=order.open_key)
    move(rows, open_key=None, chase_at=at)


def _made(charge: Charge, merchant: str, now: datetime) -> PaymentOrder:
    expire_time = now + timedelta(seconds=settings.REDPACKET_PAY_S)
    order_no = ids.merchant_no("hb")
    order = PaymentOrder(
        order_no=order_no,
        purpose=charge.purpose,
        reference=charge.reference or order_no,
        user_id=charge.user_id,
        pay_type=charge.pay_type,
        scene=charge.scene,
        merchant=merchant,
        amount=charge.amount,
        add_time=now,
        expire_time=expire_time,
        chase_at=chase.first_at(expire_time=expire_time, now=now),
        open_key=charge.key,
    )
    try:
        retry.again(lambda: _insert(order, now))
    except (IntegrityError, TooManyOpen) as error:  # a twin was faster, perhaps with the last one
        theirs = PaymentOrder.objects.filter(open_key=charge.key).first()
        if theirs is None:
            raise error if isinstance(error, TooManyOpen) else Unavailable() from None
        return theirs
    return order


def _insert(order: PaymentOrder, now: datetime) -> None:
    with transaction.atomic(durable=True):
        turns.take(order.user_id)
        payable = PaymentOrder.objects.filter(user_id=order.user_id, status__in=PAYABLE)
        turns.refuse_more(payable, "expire_time", most=settings.REDPACKET_ORDERS_MAX, now=now)
        pause.here("opening: has counted the orders")
        order.save(force_insert=True)


def _ask(channel: Channel, order: PaymentOrder, charge: Charge, now: datetime) -> dict:
    """Make it there. Raises ChannelDown, Reused, Refused: then an order that nobody got ends."""
    wanted = Wanted(
        scene=charge.scene,
        subject=charge.subject,
        notify_url=f"{settings.REDPACKET_PUBLIC_URL}/api/v1/payments/notify/{charge.pay_type.word}",
        return_url=_way_back(order),
        payer_ip=charge.payer_ip,
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


def _way_back(order: PaymentOrder) -> str:
    """The order is in the path: channels append a query of their own, and Alipay signs it."""
    return f"{settings.REDPACKET_RETURN_URL.rstrip('/')}/{order.order_no}"


@retry.unit
def _offer(
    *, order_id: int, pay_params: dict, scene: Scene, now: datetime, also: retry.Also | None = None
) -> PaymentOrder:
    row = PaymentOrder.objects.filter(pk=order_id)
    if not row.filter(status__in=PAYABLE).update(pay_params=pay_params, scene=scene):
        raise Unavailable()
    order = row.get()
    if has_the_key(order):
        supersede(purpose=order.purpose, reference=order.reference, now=now, but=order_id)
    return order


def has_the_key(order: PaymentOrder) -> bool:
    """False: while the channel thought, another order was asked for, and this one is to make room
    for that, not the other way round. Its row is ours since the UPDATE, so this stays true."""
    return order.open_key is not None
