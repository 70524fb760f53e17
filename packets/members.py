"""May this user see this packet? One interface, two answers: the synced table or the chat server.

The other half keeps the table: the chat server's verbs replace, add and remove.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from urllib.parse import quote

import structlog
from django.conf import settings
from django.core.cache import caches
from django.db import connection, transaction

from kit import pause, retry, sql
from kit.bulkhead import Bulkhead
from kit.http import service_keys
from kit.moves import hold
from kit.outside import Limits, Line, Silent
from kit.pieces import pieces
from kit.plumbing import quick, redis
from kit.plumbing.breaker import Open
from kit.refusals import Unavailable
from packets import member_set
from packets.models import Group, GroupMember, RedPacket
from packets.states import Kind, PacketState

log = structlog.get_logger(__name__)

REMEMBERED_S = 5  # a removal is effective within 5 seconds everywhere (api.md)
LIMITS = Limits(connect_s=0.5, read_s=1.5, total_s=2.0, most_bytes=4096)
CHUNK = 2000

# A crowd that grabs asks about each of its members: they take turns, as long as it is milliseconds.
line = Line("members", Bulkhead("members", "REDPACKET_MEMBERS_CALLS_AT_ONCE", wait_s=0.25))


def is_shown(
    packet: RedPacket,
    user_id: str,
    *,
    state: PacketState,
    is_taker: bool,
    is_for_him: Callable[[], bool],
) -> bool:
    """Whether this user may learn of a packet in this state (the table in api/results.py).
    `is_for_him` is may_see(), or as much from elsewhere; asked only where nothing else decides."""
    if packet.user_id == user_id:
        return True
    if state in (PacketState.UNPAID, PacketState.CLOSED):
        return False
    return is_taker or (state is not PacketState.VOID and is_for_him())


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
    return member_set.has(group_id, user_id)


def known(group_id: str, user_ids: Iterable[str]) -> set[str]:
    """Those of these users that are members of the group. Raises as is_member()."""
    if asks_chat_server():
        return {user_id for user_id in user_ids if is_member(group_id, user_id)}
    found = GroupMember.objects.filter(group_id=group_id, user_id__in=set(user_ids))
    return set(found.values_list("user_id", flat=True))


def groups_of(user_id: str, group_ids: Iterable[str]) -> set[str]:
    """Those of these groups that the user is a member of. Raises as is_member()."""
    if asks_chat_server():
        return {group_id for group_id in group_ids if is_member(group_id, user_id)}
    found = GroupMember.objects.filter(user_id=user_id, group_id__in=set(group_ids))
    return set(found.values_list("group_id", flat=True))


def number(group_id: str) -> int:
    """How many members the group has; 0 for one that is unknown."""
    if asks_chat_server():
        found, body = _asked(f"groups/{quote(group_id, safe='')}", yes=200)
        return body["number"] if found else 0
    return GroupMember.objects.filter(group_id=group_id).count()


def asks_chat_server() -> bool:
    return bool(quick.setting("REDPACKET_MEMBERS_URL"))


def _asked(path: str, *, yes: int) -> tuple[bool, dict]:
    """Whether the chat server knows it, and its JSON. Only `yes` means yes: a page with 200 that
    says "please log in" makes nobody a member.

    Raises: Unavailable (503), also when nobody was asked: too many are asking, or it was silent.
    """
    kept = caches["process"]  # a stranger who can write to Redis would make members
    remembered = kept.get(f"members:{path}")
    if remembered is not None:
        return remembered
    try:
        reply = line.fetch(
            "GET",
            f"{settings.REDPACKET_MEMBERS_URL.rstrip('/')}/{path}",
            headers={"Authorization": f"Bearer {service_keys.shown()}"},
            limits=LIMITS,
        )
        if reply.status not in (yes, 404):
            raise ValueError(f"status {reply.status}")
        body = json.loads(reply.body) if reply.status == 200 else {}
        if reply.status == 200 and not isinstance(body.get("number"), int):
            raise ValueError("number is no number")
    except Open:
        raise Unavailable() from None  # said when it was opened
    except (Silent, ValueError, AttributeError, RecursionError) as error:
        log.warning("members_unavailable", error=repr(error))
        raise Unavailable() from error
    answer = (reply.status != 404, body)
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
    for some in pieces(gone, CHUNK):
        members.filter(user_id__in=some).delete()
    new = sorted(wanted - known)
    for some in pieces(new, CHUNK):
        _insert(group_id, some)
    _changed(group_id, [*gone, *new])


@retry.unit
def add(*, group_id: str, user_id: str) -> None:
    _insert(group_id, [user_id])
    _changed(group_id, [user_id])


@retry.unit
def remove(*, group_id: str, user_id: str) -> None:
    GroupMember.objects.filter(group_id=group_id, user_id=user_id).delete()
    _changed(group_id, [user_id])


def look_again(packet: RedPacket, user_id: str) -> None:
    """The copy took him for a member, and the row said no: it is put right, or its next tries
    would each cost what a winner's does."""
    if packet.type != Kind.PERSONAL and not asks_chat_server():
        with suppress(Unavailable):
            _tell(packet.for_id, [user_id])


def _insert(group_id: str, user_ids: list[str]) -> None:
    """Who is a member already stays one. Compiled: the ORM took two seconds for 100,000 rows."""
    rows = ", ".join(["(%s, %s)"] * len(user_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"{sql.insert_missing_into(GroupMember, 'group_id', 'user_id')} VALUES {rows}",
            [value for user_id in user_ids for value in (group_id, user_id)],
        )


def _changed(group_id: str, user_ids: list[str]) -> None:
    transaction.on_commit(lambda: _tell(group_id, user_ids))
    pause.here("members: has written the change")


def _tell(group_id: str, user_ids: list[str]) -> None:
    """Raises Unavailable (503) when Redis cannot be told: it might come back and believe its copy,
    so the caller repeats."""
    if not redis.is_configured():
        return
    try:
        member_set.changed(group_id, user_ids)
    except redis.Down:
        raise Unavailable() from None
