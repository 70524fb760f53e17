"""Which channels are offered, each with the settings that are in force now; and those of before,
for what was begun with them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from payments.channels import config, http
from payments.channels.alipay import Alipay
from payments.channels.base import Channel
from payments.channels.unionpay import UnionPay
from payments.channels.wechat import WeChat
from payments.states import CHANNELS, PayType

KINDS: dict[PayType, Callable[[Any], Channel]] = {
    PayType.ALIPAY: Alipay,
    PayType.WECHAT: WeChat,
    PayType.UNIONPAY: UnionPay,
}


class NotOffered(LookupError):
    """A channel without settings is not offered; without a merchant's keys it cannot be asked."""


def channel(pay_type: PayType | int, merchant: str = "") -> Channel:
    """As it is offered now or, with a merchant's name, as that one's. Raises NotOffered."""
    if not merchant:
        settings = config.kept.current().get(PayType(pay_type))
        if settings is None:
            raise NotOffered(pay_type)
        return KINDS[PayType(pay_type)](settings)
    for known in every(pay_type):
        if known.merchant == merchant:
            return known
    raise NotOffered(f"{PayType(pay_type).word}: no keys of the merchant {merchant}")


@contextmanager
def line(pay_type: PayType | int, merchant: str = "") -> Iterator[None]:
    """The right to call this channel, for whoever claims a row first: what is refused then costs
    no try. Without its keys there is nothing to refuse: whoever goes on finds that out.

    Raises: NotSent (503).
    """
    try:
        name = channel(pay_type, merchant).line
    except NotOffered:
        yield
        return
    with http.line(name):
        yield


def every(pay_type: PayType | int) -> list[Channel]:
    """With each of its key sets: that in force first, then those of before."""
    known = config.kept.loaded().known.get(PayType(pay_type), ())
    return [KINDS[PayType(pay_type)](settings) for settings in known]


def offered() -> list[PayType]:
    """In the order in which they are shown."""
    return [pay_type for pay_type in CHANNELS if pay_type in config.kept.current()]


def heard() -> list[PayType]:
    """Those whose notifications are taken: offered, or with orders of before."""
    return [pay_type for pay_type in CHANNELS if config.kept.loaded().known.get(pay_type)]
