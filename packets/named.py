"""Whom exclusive packets (专属红包) are for: position i of its shares is the i-th person's."""

from collections.abc import Iterable

from kit.present import present
from packets.models import RedPacket, Share
from packets.states import Kind


def people_of(packets: Iterable[RedPacket]) -> dict[int, list[str]]:
    """{key: its people by position} of the exclusive ones among these packets; one statement where
    there are any."""
    named: dict[int, list[str]] = {row.pk: [] for row in packets if row.type == Kind.EXCLUSIVE}
    if named:
        shares = Share.objects.filter(rp__in=named, for_user__isnull=False).order_by("position")
        for rp_id, user_id in shares.values_list("rp", "for_user"):
            named[rp_id].append(present(user_id))
    return named
