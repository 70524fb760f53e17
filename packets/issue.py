"""The packet becomes grabbable (发出)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from packets import tickets
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments.states import PayType
from redpacket_site.kit import outbox
from redpacket_site.kit.moves import move
from redpacket_site.kit.problems import AlreadyPaid


def issue(packet: RedPacket, *, to: PayStatus, pay_type: PayType, now: datetime) -> None:
    """Issue a draft; for use inside the payer's transaction. Changes `packet` to match.

    Races:  two payers, or a payer and the draft sweep: the row's WHERE lets one through.
    Raises: AlreadyPaid (409); the payer's transaction rolls back whole.
    Spec:   1.4, 1.8 (expire_time is stored here: a changed setting touches new packets only)
    """
    facts = {
        "pay_status": to,
        "pay_type": pay_type,
        "pay_time": now,
        "expire_time": now + timedelta(seconds=settings.REDPACKET_EXPIRE_S),
        "draft_until": None,
    }
    draft = RedPacket.objects.filter(
        pk=packet.pk,
        pay_status=PayStatus.UNPAID,
        closed_at=None,
        voided_at=None,
        is_frozen=False,
    )
    if not move(draft, **facts):
        raise AlreadyPaid()
    for name, value in facts.items():
        setattr(packet, name, value)
    outbox.tell(
        "packet.issued",
        now=now,
        packet=packet.public_id,
        for_id=packet.for_id,
        user_id=packet.user_id,
        type=Kind(packet.type).word,
        intro=packet.intro,
        number=packet.number,
        pay_status=to.word,
    )
    transaction.on_commit(lambda: tickets.prepare(packet.public_id))
