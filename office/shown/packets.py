"""What pages show of packets: states, rows, and what other pages say of them."""

from django.db.models import Count
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from kit import clock
from office.frame.columns import cells
from office.frame.dossier import Section, badge, found, moment, table, to, toned, yuan
from packets.models import RedPacket, RefundReview, Share
from packets.states import PacketState, PayStatus, ReviewState, state_of

STATE_WORDS = {
    PacketState.UNPAID: _("unpaid"),
    PacketState.OPEN: _("open"),
    PacketState.FINISHED: _("finished"),
    PacketState.EXPIRED: _("expired"),
    PacketState.VOID: _("void"),
    PacketState.CLOSED: _("closed"),
}

LATEST = 20


def state_badges(packet: RedPacket, state: PacketState) -> list:
    badges = [badge(state.value, STATE_WORDS[state])]
    if packet.pay_status == PayStatus.AWAITING and not packet.voided_at:
        badges.append(badge("awaiting", PayStatus.AWAITING.label))
    if packet.is_frozen:
        badges.append(badge("frozen", _("frozen")))
    return badges


def count_taken(packets: list[RedPacket]) -> None:
    """Give each packet `taken`, the number of its taken shares: one query for a page of them."""
    counted = dict(
        Share.objects.filter(rp__in=[packet.pk for packet in packets], user_id__isnull=False)
        .values("rp")
        .annotate(n=Count("pk"))
        .values_list("rp", "n")
    )
    for packet in packets:
        packet.taken = counted.get(packet.pk, 0)


def shown_state(packet: RedPacket) -> str:
    state = state_of(packet, packet.taken, clock.now())
    return format_html_join(" ", "{}", ((mark,) for mark in state_badges(packet, state)))


review_state = toned(
    "state", ReviewState, open="awaiting", reviewed="open", disputed="void", settled="finished"
)


def review_rows(title, rows, name: str) -> Section:
    columns = [
        (_("refund"), lambda row: to(row, row.packet.public_id)),
        *cells(RefundReview, "amount"),
        (_("state"), review_state),
        *cells(RefundReview, "created_at", "decided_by", "note"),
    ]
    section = table(title, rows, columns, name)
    if disputed := [row for row in rows if row.state == ReviewState.DISPUTED]:
        section.warning = _("Disputed refund: %(note)s") % {"note": disputed[0].note}
    return section


def packet_rows(title, packets: list[RedPacket], name: str) -> Section:
    count_taken(packets)
    columns = [
        (_("packet id"), lambda packet: to(packet, packet.public_id)),
        *cells(RedPacket, "total_money"),
        (_("state"), shown_state),
        (_("taken"), lambda packet: f"{packet.taken}/{packet.number}"),
        *cells(RedPacket, "type", "user_id", "add_time"),
    ]
    return table(title, packets, columns, name)


def credited(share: Share) -> str:
    """Of one that somebody has taken."""
    if share.is_into_account:
        return badge("finished", _("credited"))
    return badge("awaiting", _("not credited yet"))


def share_state(share: Share) -> str:
    if share.user_id:
        return credited(share)
    if share.is_returned:
        return badge("expired", _("returned"))
    return badge("open", _("not taken yet")) if share.for_user else ""


def _may_view(request) -> bool:
    return request.user.has_perm("packets.view_redpacket")


def sent(request, wallet):
    """On a wallet's page: the packets that its owner sent last."""
    if not _may_view(request):
        return None
    sent = RedPacket.objects.filter(user_id=wallet.user_id).order_by("-add_time")[:LATEST]
    return packet_rows(_("Packets sent (latest)"), list(sent), "sent")


def taken(request, wallet):
    """On a wallet's page: the shares that its owner took last."""
    if not _may_view(request):
        return None
    taken = Share.objects.filter(user_id=wallet.user_id).order_by("-update_time")
    columns = [
        (_("packet id"), lambda share: to(share.rp, share.rp.public_id)),
        (_("amount"), lambda share: yuan(share.money)),
        (_("state"), credited),
        (_("sender"), lambda share: found(share.rp.user_id)),
        (_("taken at"), lambda share: moment(share.update_time)),
    ]
    latest = taken.select_related("rp")[:LATEST]
    return table(_("Packets taken (latest)"), latest, columns, "taken")


def reviewed(request, packet):
    """On a packet's page: how far finance is with its refund."""
    if not packet.return_money:
        return None
    rows = RefundReview.objects.filter(packet=packet).select_related("packet", "decided_by")
    return review_rows(_("Refund review"), list(rows), "review")


def disputed(request, wallet):
    """On a wallet's page: its owner's refunds that finance disputes."""
    rows = RefundReview.objects.filter(user_id=wallet.user_id, state=ReviewState.DISPUTED)
    rows = rows.select_related("packet", "decided_by").order_by("-pk")[:LATEST]
    return review_rows(_("Disputed refunds"), list(rows), "review") if rows else None


def paid_for(request, order):
    """On an order's page: the packet that it pays."""
    if order.purpose != "packet" or not _may_view(request):
        return None
    packets = list(RedPacket.objects.filter(public_id=order.reference))
    return packet_rows(_("Red packet"), packets, "packet")
