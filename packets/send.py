"""Put money into a packet (塞钱): the packet and all its shares, amounts drawn, takers empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from kit import ids, pause, retry, turns
from kit.http.caller import Caller
from kit.money import ZERO, fen, from_fen
from kit.refusals import Invalid, NotFound
from packets import draw, members
from packets.models import RedPacket, Share
from packets.states import Kind

INTRO = "恭喜发财，大吉大利"
INTRO_MAX = 255
NAMED_MAX = 10  # people of an exclusive packet


@dataclass(frozen=True, slots=True)
class Wish:
    """What the sender asks for; amounts in yuan, None when left out."""

    kind: Kind
    for_id: str
    number: int | None = None
    total_money: Decimal | None = None
    single_money: Decimal | None = None
    intro: str = ""
    for_users: Sequence[str] = ()  # of an exclusive one: position i is for_users[i]'s


def send(*, caller: Caller, wish: Wish, now: datetime, also: retry.Also | None = None) -> RedPacket:
    """Make a draft: the packet, unpaid, and all its shares with the best luck already marked.

    Money:   none moves yet; pay.py takes it.
    Races:   a sender's drafts take turns (kit/turns.py): of many at once none slips past the limit.
    Raises:  Invalid (400) naming the field, NotFound (404) for a group unknown or not the caller's,
             TooManyOpen (429) while the sender has REDPACKET_DRAFTS_MAX drafts that nobody paid.
    Spec:    1.2, 1.4, 2.5, 2.9
    """
    number, total = _checked(caller, wish)
    return _make(caller=caller, wish=wish, number=number, total=total, now=now, also=also)


def _checked(caller: Caller, wish: Wish) -> tuple[int, Decimal]:
    """The number of shares and the total of a wish that keeps every limit."""
    most = settings.REDPACKET_SHARES_MAX
    lucky, personal = wish.kind is Kind.LUCKY, wish.kind is Kind.PERSONAL
    exclusive = wish.kind is Kind.EXCLUSIVE
    given, other = ("total_money", "single_money") if lucky else ("single_money", "total_money")
    money = getattr(wish, given)
    if getattr(wish, other) is not None:
        raise Invalid(errors={other: [_("Not for this kind of red packet.")]})
    if money is None:
        raise Invalid(errors={given: [_("This field is required.")]})
    _check_named(caller, wish)
    if wish.number is None and not (personal or exclusive):
        raise Invalid(errors={"number": [_("This field is required.")]})
    number = wish.number
    if number is None:
        number = len(wish.for_users) if exclusive else 1
    if personal and number != 1:
        raise Invalid(errors={"number": [_("A personal red packet has one share.")]})
    if exclusive and number != len(wish.for_users):
        raise Invalid(errors={"number": [_("As many shares as people, or leave it out.")]})
    if not 1 <= number <= most:
        raise Invalid(errors={"number": [_("1 to %(most)d shares.") % {"most": most}]})
    shares = number if lucky else 1
    least_money, most_money = (
        shares * settings.REDPACKET_SHARE_MIN,
        shares * settings.REDPACKET_SHARE_MAX,
    )
    if not least_money <= money <= most_money:
        bounds = {"least": least_money, "most": most_money}
        raise Invalid(errors={given: [_("From %(least)s to %(most)s yuan.") % bounds]})
    if personal and wish.for_id == caller.user_id:
        raise Invalid(errors={"for_id": [_("You cannot send a red packet to yourself.")]})
    if not personal:
        if not members.is_member(wish.for_id, caller.user_id):
            raise NotFound()
        if number > members.number(wish.for_id):
            raise Invalid(errors={"number": [_("More shares than the group has members.")]})
    if exclusive:
        _check_members(wish)
    return number, money if lucky else money * number


def _check_named(caller: Caller, wish: Wish) -> None:
    """That an exclusive packet, and no other, names its people, each once and not the sender."""
    named = wish.for_users
    if wish.kind is not Kind.EXCLUSIVE:
        if named:
            raise Invalid(errors={"for_users": [_("Not for this kind of red packet.")]})
        return
    if not 1 <= len(named) <= NAMED_MAX:
        raise Invalid(errors={"for_users": [_("1 to %(most)d people.") % {"most": NAMED_MAX}]})
    wrong = {}
    for index, user_id in enumerate(named):
        if user_id == caller.user_id:
            wrong[index] = _("You cannot send a red packet to yourself.")
        elif user_id in named[:index]:
            wrong[index] = _("Named twice.")
    _refuse_named(wrong)


def _check_members(wish: Wish) -> None:
    known = members.known(wish.for_id, wish.for_users)
    strangers = {i: user_id for i, user_id in enumerate(wish.for_users) if user_id not in known}
    _refuse_named(dict.fromkeys(strangers, _("Not a member of this group.")))


def _refuse_named(wrong: Mapping[int, Any]) -> None:
    if wrong:
        raise Invalid(errors={f"for_users.{index}": [why] for index, why in wrong.items()})


@retry.unit
def _make(
    *,
    caller: Caller,
    wish: Wish,
    number: int,
    total: Decimal,
    now: datetime,
    also: retry.Also | None = None,
) -> RedPacket:
    turns.take(caller.user_id)
    drafts = RedPacket.objects.filter(user_id=caller.user_id, draft_until__isnull=False)
    turns.refuse_more(drafts, "draft_until", most=settings.REDPACKET_DRAFTS_MAX, now=now)
    pause.here("send: has counted the drafts")
    packet = RedPacket(
        public_id=ids.public_id("rp"),
        user_id=caller.user_id,
        for_id=wish.for_id,
        type=wish.kind,
        intro=wish.intro or INTRO,
        number=number,
        total_money=total,
        single_money=wish.single_money or ZERO,
        share_min=settings.REDPACKET_SHARE_MIN,
        share_max=settings.REDPACKET_SHARE_MAX,
        add_time=now,
        draft_until=now + timedelta(seconds=settings.REDPACKET_DRAFT_S),
    )
    amounts, best = [wish.single_money or ZERO] * number, 0
    if wish.kind is Kind.LUCKY:
        seed = draw.new_seed()
        rules: Any = {
            "total": fen(total),
            "number": number,
            "minimum": fen(packet.share_min),
            "maximum": fen(packet.share_max),
            "seed": seed,
        }
        drawn = draw.draw(**rules)
        amounts, best = [from_fen(share) for share in drawn], draw.best_luck(drawn)
        packet.seed = seed.hex()
        packet.commitment = draw.commitment(public_id=packet.public_id, **rules)
    packet.save(force_insert=True)
    named: Sequence[str | None] = wish.for_users or [None] * number
    Share.objects.bulk_create(
        Share(
            rp=packet,
            position=position,
            for_user=for_user,
            money=money,
            is_good=position == best,
            add_time=now,
        )
        for position, (money, for_user) in enumerate(zip(amounts, named, strict=True), start=1)
    )
    return packet
