"""看看大家的手气: who may see what of a packet (Spec 2.4).

| viewer        | draft, closed | void | open, finished, expired                        |
| sender        | yes           | yes  | yes, with the takers                           |
| taker         | -             | yes  | yes, with the takers                           |
| other member  | 404           | 404  | yes; the takers once finished or expired       |
| outsider      | 404           | 404  | 404                                            |

Of an exclusive packet the group sees whom it is for and who has taken, the amounts nobody but its
sender and takers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.db.models import Count, Max
from django.utils import timezone

from kit.http.caller import Caller
from kit.money import ZERO, fen_sum, from_fen
from kit.plumbing import texts
from kit.present import present
from kit.refusals import NotFound
from packets import members, named, profiles
from packets.api import headlines
from packets.finish import seconds_between
from packets.models import RedPacket, Share
from packets.states import Kind, PacketState, PayStatus, state_of
from payments.states import PayType

NOBODY = ""  # no user's id: nothing is his


@dataclass(frozen=True, slots=True)
class TakenShares:
    """What is known of a packet's taken shares."""

    number: int = 0
    money: Decimal = ZERO
    last: datetime | None = None
    shares: Sequence[Share] = field(default=())  # newest first; empty in lists

    @classmethod
    def of(cls, shares: Sequence[Share]) -> "TakenShares":
        money = sum((share.money for share in shares), ZERO)
        return cls(len(shares), money, shares[0].update_time if shares else None, shares)


def packet(*, public_id: str, caller: Caller, now: datetime) -> dict:
    """The packet as this caller may see it: api.md's Packet. Four statements at most, and one more
    for whom an exclusive one is.

    Raises: NotFound (404) for whoever must not learn that it exists.
    """
    row, taken = _found(public_id)
    mine = next((share for share in taken.shares if share.user_id == caller.user_id), None)
    state = state_of(row, taken.number, now)
    is_for_me = _may_see(row, caller.user_id, mine, state)
    for_users, people = _people(row, taken)
    if for_users is not None:
        is_for_me = is_for_me and caller.user_id in for_users
    return rendered(row, caller.user_id, state, taken, mine, people, for_users, is_for_me=is_for_me)


def for_its_group(*, public_id: str, now: datetime) -> dict:
    """The packet as a member without a share sees it, or of a personal one its addressee, and
    nothing of what is anybody's own: for the chat server, which knows who its members are. A void
    one, too, since its takers see it. Three statements, and one more for an exclusive one.

    Raises: NotFound (404) for what was never issued.
    """
    row, taken = _found(public_id)
    state = state_of(row, taken.number, now)
    if state in (PacketState.UNPAID, PacketState.CLOSED):
        raise NotFound()
    for_users, people = _people(row, taken)
    return rendered(row, NOBODY, state, taken, None, people, for_users, is_for_me=False)


def _found(public_id: str) -> tuple[RedPacket, TakenShares]:
    row = RedPacket.objects.select_related("review").filter(public_id=public_id).first()
    if row is None:
        raise NotFound()
    shares = Share.objects.filter(rp=row, user_id__isnull=False)
    return row, TakenShares.of(list(shares.order_by("-update_time", "-pk")))


def _people(row: RedPacket, taken: TakenShares) -> tuple[list[str] | None, dict[str, dict]]:
    """Whom an exclusive one is for, None for others; and everybody that the packet names."""
    for_users = named.people_of([row]).get(row.pk)
    takers = (present(share.user_id) for share in taken.shares)
    return for_users, profiles.people({row.user_id, *takers, *(for_users or ())})


def fresh(row: RedPacket, caller: Caller, now: datetime) -> dict:
    """A packet that its sender has just made or paid: nobody has taken anything."""
    for_users = named.people_of([row]).get(row.pk)
    people = profiles.people({row.user_id, *(for_users or ())})
    state = state_of(row, 0, now)
    # A group's sender was a member; what is for others is not his.
    is_for_me = row.type != Kind.PERSONAL and for_users is None
    return rendered(
        row, caller.user_id, state, TakenShares(), None, people, for_users, is_for_me=is_for_me
    )


def listed(rows: Sequence[RedPacket], caller: Caller, now: datetime) -> list[dict]:
    """Packets that the caller sent or took a share of, for a list: without the takers."""
    keys = [row.pk for row in rows]
    taken = {
        found["rp"]: TakenShares(found["n"], from_fen(found["fen"]), found["last"])
        for found in Share.objects.filter(rp__in=keys, user_id__isnull=False)
        .values("rp")
        .annotate(n=Count("pk"), fen=fen_sum("money"), last=Max("update_time"))
    }
    mine = {
        share.rp_id: share for share in Share.objects.filter(rp__in=keys, user_id=caller.user_id)
    }
    exclusive = named.people_of(rows)
    people = profiles.people({row.user_id for row in rows}.union(*exclusive.values()))
    summaries = []
    for row in rows:
        of_row = taken.get(row.pk, TakenShares())
        state = state_of(row, of_row.number, now)
        summary = rendered(
            row,
            caller.user_id,
            state,
            of_row,
            mine.get(row.pk),
            people,
            exclusive.get(row.pk),
            is_for_me=False,
        )
        del summary["shares"]
        summaries.append(summary)
    return summaries


def _may_see(row: RedPacket, user_id: str, mine: Share | None, state: PacketState) -> bool:
    """Whether the packet could be the caller's to grab; NotFound when it is not his to see."""
    is_for_me = cache(lambda: members.may_see(row, user_id))
    if not members.is_shown(
        row, user_id, state=state, is_taker=mine is not None, is_for_him=is_for_me
    ):
        raise NotFound()
    is_for_others = row.type in (Kind.PERSONAL, Kind.EXCLUSIVE)
    if mine or (row.user_id == user_id and (is_for_others or state is not PacketState.OPEN)):
        return False
    return is_for_me()


def rendered(
    row: RedPacket,
    user_id: str,
    state: PacketState,
    taken: TakenShares,
    mine: Share | None,
    people: dict[str, dict],
    for_users: list[str] | None,
    *,
    is_for_me: bool,
) -> dict:
    """The packet in api.md's words, as this user may see it; no queries."""
    is_sender = row.user_id == user_id
    is_lucky, is_exclusive = row.type == Kind.LUCKY, row.type == Kind.EXCLUSIVE
    is_finished = state is PacketState.FINISHED
    if is_exclusive:
        knows_amounts = is_sender or mine is not None
    else:
        knows_amounts = not is_lucky or is_sender or is_finished
    knows_luck = is_lucky and is_finished
    gone_in_s = seconds_between(present(row.pay_time), present(taken.last)) if is_finished else None
    is_over = state in (PacketState.FINISHED, PacketState.EXPIRED)
    shows_takers = is_sender or mine or is_over or is_exclusive
    is_refunded = is_sender and state is PacketState.EXPIRED and row.is_cli_handle
    return {
        "id": row.public_id,
        "type": Kind(row.type).word,
        "for_id": row.for_id,
        "for_users": for_users,
        "for_people": for_users and [people[named_id] for named_id in for_users],
        "intro": row.intro,
        "number": row.number,
        "total_money": _yuan(row.total_money) if knows_amounts else None,
        "single_money": _yuan(row.single_money) if knows_amounts and not is_lucky else None,
        "state": state.value,
        "is_frozen": row.is_frozen,
        "pay_status": PayStatus(row.pay_status).word,
        "pay_type": PayType(row.pay_type).word,
        "sender": people[row.user_id],
        "taken_number": taken.number,
        "taken_money": _yuan(taken.money) if knows_amounts else None,
        "return_money": _yuan(row.return_money) if is_refunded else None,
        "return_time": _time(row.review.created_at) if is_refunded else None,
        "add_time": _time(row.add_time),
        "pay_time": _time(row.pay_time),
        "expire_time": _time(row.expire_time),
        "expend_time": gone_in_s,
        "share_min": _yuan(row.share_min) if is_lucky else None,
        "share_max": _yuan(row.share_max) if is_lucky else None,
        "commitment": row.commitment or None,
        "seed": row.seed if knows_luck else None,
        "mine": mine
        and {
            "money": _yuan(mine.money),
            "is_good": mine.is_good if knows_luck else None,
            "is_into_account": mine.is_into_account,
            "update_time": _time(mine.update_time),
        },
        "shares": [
            {
                "user": people[present(share.user_id)],
                "money": None if is_exclusive and not knows_amounts else _yuan(share.money),
                "is_good": share.is_good if knows_luck else None,
                "update_time": _time(share.update_time),
                "position": share.position if knows_luck else None,
            }
            for share in (taken.shares if shows_takers else ())
        ],
        "actions": _actions(row, state, is_sender, is_for_me and mine is None),
        "headline": headlines.headline(
            row,
            state=state,
            taken=taken.number,
            taken_money=taken.money,
            gone_in_s=gone_in_s,
            is_sender=is_sender,
            names=[_called(people[user_id]) for user_id in for_users or ()],
        ),
    }


def _actions(row: RedPacket, state: PacketState, is_sender: bool, may_grab: bool) -> list[str]:
    if row.is_frozen:
        return []
    if state is PacketState.UNPAID and is_sender:
        return ["pay"]
    return ["grab"] if state is PacketState.OPEN and may_grab else []


def _yuan(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _time(moment: datetime | None) -> str | None:
    """RFC 3339 with the offset of the service's time zone."""
    return timezone.localtime(moment).isoformat() if moment else None


def _called(person: dict) -> str:
    """What stands for a person: his nickname where it can be seen, else his id."""
    nickname = person["nickname"] or ""
    return nickname if texts.is_visible(nickname) else person["user_id"]
