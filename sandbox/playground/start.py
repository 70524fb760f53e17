"""A fresh group to play in."""

import secrets
from datetime import datetime
from decimal import Decimal

from kit import outbox, retry
from kit.models import EventPlace
from packets import members
from packets.models import Profile
from sandbox.playground import BOTS, faces
from wallets import credit

PURSE = Decimal("200.00")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def start(*, phones: int, now: datetime) -> dict:
    """People for so many phones and 100 bots, 200.00 yuan each; and where their news begin.

    Money:   platform -> wallets, through the ledger, as `manage.py credit`.
    Repeats: each call is another group.
    """
    group = "try." + "".join(secrets.choice(_LETTERS) for _ in range(8))
    names = {f"{group}.p{at}": faces.NAMES[at - 1] for at in range(1, phones + 1)}
    bots = {f"{group}.b{at:03}": faces.BOT_NAMES[at - 1] for at in range(1, BOTS + 1)}
    profiles = [
        Profile(user_id=user_id, nickname=nickname, avatar=faces.face(at))
        for at, (user_id, nickname) in enumerate((names | bots).items())
    ]
    _introduce(profiles)
    members.replace(group_id=group, user_ids=names | bots)
    credit.credit_each(user_ids=names | bots, amount=PURSE, reason="try", now=now)
    outbox.give_places()
    return {
        "group": group,
        "number": len(profiles),
        "people": [
            {"user_id": one.user_id, "nickname": one.nickname, "avatar": one.avatar}
            for one in profiles[:phones]
        ],
        "after": str(EventPlace.objects.get(pk=1).last),
    }


@retry.unit
def _introduce(profiles: list[Profile]) -> None:
    Profile.objects.bulk_create(profiles)
