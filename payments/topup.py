"""The wallet top-up (充值): the second thing to pay for; here, since wallets knows nobody."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from kit import outbox, retry
from kit.http.caller import Caller
from kit.refusals import Invalid
from payments import opening
from payments.models import PaymentOrder
from payments.opening import Charge
from payments.purposes import Fits
from payments.states import PayType, Scene
from wallets import accounts
from wallets.states import LineKind

PURPOSE = "topup"
SUBJECT = "钱包充值"


def topup(
    *,
    caller: Caller,
    amount: Decimal,
    pay_type: PayType,
    scene: Scene,
    key: str,
    payer_ip: str,
    now: datetime,
    also: retry.Also | None = None,
) -> PaymentOrder:
    """Open an order for the caller's own wallet; the same `key` gives the same order.

    Money:   Decimal yuan; none moves before the channel confirms.
    Raises:  Invalid (400), ChannelUnavailable (409), Unavailable (503).
    Spec:    2.6
    """
    least, most = settings.REDPACKET_TOPUP_MIN, settings.REDPACKET_TOPUP_MAX
    if not least <= amount <= most:
        bounds = {"least": least, "most": most}
        raise Invalid(errors={"money": [_("From %(least)s to %(most)s yuan.") % bounds]})
    charge = Charge(
        purpose=PURPOSE,
        reference="",
        key=f"{PURPOSE}:{key}",
        user_id=caller.user_id,
        amount=amount,
        pay_type=pay_type,
        scene=scene,
        subject=SUBJECT,
        payer_ip=payer_ip,
    )
    return opening.open_order(charge, now=now, also=also)


def accepts(paid: PaymentOrder) -> Fits:
    return Fits(accounts.wallet(paid.user_id), LineKind.TOPUP)


def confirmed(paid: PaymentOrder, now: datetime) -> None:
    outbox.tell(
        "topup.confirmed",
        now=now,
        user_id=paid.user_id,
        order_no=paid.order_no,
        money=f"{paid.amount:.2f}",
    )


def nothing(paid: PaymentOrder, now: datetime) -> None:
    """A report issues nothing, an unpaid top-up voids nothing."""
