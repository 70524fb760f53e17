"""May this user see this packet? One interface, two answers: the synced table or the chat server.

The other half keeps the table: the chat server's verbs replace, add and remove.
"""

from collections.abc import Iterable
from urllib.parse import quote

import requests
import structlog
from django.conf import settings
from django.core.cache import caches
from django.db import transaction

from packets import tickets
from packets.models import Group, GroupMember, RedPacket
from packets.states import Kind
from redpacket_site.kit import retry, service_keys
from redpacket_site.kit.moves import hold
from redpacket_site.kit.problems import Unavailable

log = structlog.get_logger(__name__)

REMEMBERED_S = 5  # a removal is effective within 5 seconds everywhere (api.md)
TIMEOUT_S = (0.5, 1.5)  # to connect, to answer
CHUNK = 2000


def may_see(packet: RedPacket, user_id: str) -> bool:
    """Whether an issued packet is for this user; its sender and takers see it anyway."""
    if packet.type == Kind.PERSONAL:
        return packet.for_id == user_id
    return is_member(packet.for_id, user_id)


def is_member(group_id: str, user_id: str) -> bool:
    """Raises Unavailable (503) when the chat server is asked and does not answer: fails closed."""
    if asks_chat_server():
        member = f"groups/{quote(group_id, safe='')}/members/{quote(user_id, safe='')}"
        return _asked(member, yes=204)[0]
    return GroupMember.objects.filter(group_id=group_id, user_id=user_id).exists()


def number(group_id: str) -> int:
    """How many members the group has; 0 for one that is unknown."""
    if asks_chat_server():
        found, body = _asked(f"groups/{quote(group_id, safe='')}", yes=200)
        return body["number"] if found else 0
    return GroupMember.objects.filter(group_id=group_id).count()


def asks_chat_server() -> bool:
    return bool(settings.REDPACKET_MEMBERS_URL)


def _asked(path: str, *, yes: int) -> tuple[bool, dict]:
    """Whether the chat server knows it, and its JSON. Only `yes` means yes: a page with 200 that
    says "please log in" makes nobody a member."""
    kept = caches["process"]  # a stranger who can write to Redis would make members
    remembered = kept.get(f"members:{path}")
    if remembered is not None:
        return remembered
    try:
        response = requests.get(
            f"{settings.REDPACKET_MEMBERS_URL.rstrip('/')}/{path}",
            headers={"Authorization": f"Bearer {service_keys.shown()}"},
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )
        if response.status_code not in (yes, 404):
            raise requests.RequestException(f"status {response.status_code}")
        body = response.json() if response.status_code == 200 else {}
        if response.status_code == 200 and not isinstance(body.get("number"), int):
            raise requests.RequestException("number is no number")
    except (requests.RequestException, ValueError, AttributeError) as error:
        log.warning("members_unavailable", error=repr(error))
        raise Unavailable() from error
    answer = (response.status_code != 404, body)
    kept.set(f"members:{path}", answer, REMEMBERED_S)
    return answer


@retry.unit
def replace(*, group_id: str, user_ids: Iterable[str]) -> None:
    """Make these the group's members, all of them.

    Races:   replacements of one group take turns on its row, held before its members are read: the
             last one's are the members, never some of both.
    Repeats: harmless.
    """
    while not hold(Group, group_id):
        Group.objects.bulk_create([Group(group_id=group_id)], ignore_conflicts=True)
    wanted = set(user_ids)
    members = GroupMember.objects.filter(group_id=group_id)
    known = set(members.values_list("user_id", flat=True))
    gone = sorted(known - wanted)
    for start in range(0, len(gone), CHUNK):
        members.filter(user_id__in=gone[start : start + CHUNK]).delete()
    GroupMember.objects.bulk_create(
        (GroupMember(group_id=group_id, user_id=user_id) for user_id in sorted(wanted - known)),
        batch_size=CHUNK,
        ignore_conflicts=True,
    )
    _changed(group_id)


@retry.unit
def add(*, group_id: str, user_id: str) -> None:
    GroupMember.objects.bulk_create(
        [GroupMember(group_id=group_id, user_id=user_id)], ignore_conflicts=True
    )
    _changed(group_id)


@retry.unit
def remove(*, group_id: str, user_id: str) -> None:
    GroupMember.objects.filter(group_id=group_id, user_id=user_id).delete()
    _changed(group_id)


def _changed(group_id: str) -> None:
    """Raises Unavailable (503) after the commit when Redis cannot be told: the caller repeats."""
    transaction.on_commit(lambda: tickets.forget_group(group_id))
