"""Which channels are offered, each with the settings that are in force now."""

from payments.channels import config
from payments.channels.alipay import Alipay
from payments.channels.base import Channel
from payments.channels.unionpay import UnionPay
from payments.channels.wechat import WeChat
from payments.states import CHANNELS, PayType

KINDS = {PayType.ALIPAY: Alipay, PayType.WECHAT: WeChat, PayType.UNIONPAY: UnionPay}


class NotOffered(LookupError):
    """A channel without settings is not offered."""


def channel(pay_type: PayType | int) -> Channel:
    """Raises NotOffered."""
    settings = config.kept.current().get(pay_type)
    if settings is None:
        raise NotOffered(pay_type)
    return KINDS[pay_type](settings)


def offered() -> list[PayType]:
    """In the order in which they are shown."""
    return [pay_type for pay_type in CHANNELS if pay_type in config.kept.current()]
