"""What the schema shows: one example for every outcome. A test holds each to its own shape."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.utils import translation

from packets.api import results
from packets.models import RedPacket, RefundReview, Share
from packets.states import Kind, PayStatus, state_of
from payments.api.examples import ORDERS
from payments.states import PayType

SENDER = {"user_id": "alice", "nickname": "爱丽丝", "avatar": "https://chat.example/a/alice.png"}
TAKER = {"user_id": "bob", "nickname": "小宝", "avatar": None}
OTHER = {"user_id": "carol", "nickname": None, "avatar": None}
MADE = datetime.fromisoformat("2026-02-17T20:14:41.000412+08:00")
ISSUED = datetime.fromisoformat("2026-02-17T20:15:00.250000+08:00")
FIRST = datetime.fromisoformat("2026-02-17T20:15:03.120394+08:00")
LAST = datetime.fromisoformat("2026-02-17T20:15:12.700001+08:00")
DEADLINE = datetime.fromisoformat("2026-02-18T20:15:00.250000+08:00")
RETURNED = datetime.fromisoformat("2026-02-18T20:15:31.004417+08:00")

WISHES = {
    "lucky": {
        "type": "lucky",
        "for_id": "g1",
        "number": 2,
        "total_money": "10.00",
        "intro": "新年快乐🧧",
    },
    "equal": {"type": "equal", "for_id": "g1", "number": 2, "single_money": "5.00"},
    "personal": {"type": "personal", "for_id": "bob", "single_money": "5.00"},
    "exclusive": {
        "type": "exclusive",
        "for_id": "g1",
        "for_users": ["bob", "carol"],
        "single_money": "5.00",
    },
}
PAYMENTS = {
    "balance": {"pay_type": "balance"},
    "alipay": {"pay_type": "alipay", "scene": "app"},
}

_FIRST: dict[str, Any] = {"position": 1, "user_id": "bob", "money": Decimal("3.21")}
_BOBS = Share(**_FIRST, is_into_account=True, update_time=FIRST)
_AWAITED = Share(**_FIRST, update_time=FIRST)
_FIVE = Share(**_FIRST | {"money": Decimal("5.00")}, is_into_account=True, update_time=FIRST)
_CAROLS = Share(position=2, user_id="carol", money=Decimal("6.79"), is_good=True, update_time=LAST)
_LUCKY: dict[str, Any] = {
    "public_id": "rp_agnkq4z2lm7xw3v5tq6yjr2abc",
    "user_id": "alice",
    "for_id": "g1",
    "type": Kind.LUCKY,
    "intro": "新年快乐🧧",
    "number": 2,
    "total_money": Decimal("10.00"),
    "share_min": Decimal("0.01"),
    "share_max": Decimal("200.00"),
    "commitment": "5d2b5d5ac5e7ad6cb5a6ed0fa3a5d42f5f04a2ea6f0f7e9d2fb0c4b2f6a9be51",
    "seed": "7f" * 32,
    "add_time": MADE,
}
_EQUAL = {"type": Kind.EQUAL, "single_money": Decimal("5.00"), "commitment": ""}
_PERSONAL = _EQUAL | {
    "type": Kind.PERSONAL,
    "for_id": "bob",
    "number": 1,
    "total_money": Decimal("5.00"),
}
_EXCLUSIVE = _EQUAL | {"type": Kind.EXCLUSIVE}
_OPEN = {
    "pay_status": PayStatus.PAID,
    "pay_type": PayType.BALANCE,
    "pay_time": ISSUED,
    "expire_time": DEADLINE,
}
_AWAITING = _OPEN | {"pay_status": PayStatus.AWAITING, "pay_type": PayType.WECHAT}


def _shown(to: str, *facts: dict, taken: Sequence[Share] = (), now: datetime = LAST) -> dict:
    """The lucky packet with these facts, as its viewer is shown it. In its group: all four."""
    row = RedPacket(**reduce(or_, facts, _LUCKY))
    row.review = RefundReview(created_at=RETURNED)
    mine = next((share for share in taken if share.user_id == to), None)
    for_users = ["bob", "carol"] if row.type == Kind.EXCLUSIVE else None
    with translation.override("zh-hans"):
        return results.rendered(
            row,
            to,
            state_of(row, len(taken), now),
            results.TakenShares.of(taken),
            mine,
            {"alice": SENDER, "bob": TAKER, "carol": OTHER},
            for_users,
            is_for_me=for_users is None or to in for_users,
        )


DRAFTS = {
    "lucky": _shown("alice"),
    "equal": _shown("alice", _EQUAL),
    "personal": _shown("alice", _PERSONAL),
    "exclusive": _shown("alice", _EXCLUSIVE),
}
_ONE = [_BOBS]
_TO_A_MEMBER = _shown("carol", _OPEN, taken=_ONE)
_REFUNDED = _OPEN | {"is_cli_handle": True, "return_money": Decimal("6.79")}
PACKETS: dict[str, dict[str, Any]] = {
    "unpaid to its sender": DRAFTS["lucky"],
    "closed to its sender": _shown("alice", {"closed_at": LAST}),
    "open to its sender": _shown("alice", _OPEN),
    "open to a member": _TO_A_MEMBER,
    "open to a taker": _shown("bob", _OPEN, taken=_ONE),
    "awaiting arrival to a taker": _shown("bob", _AWAITING, taken=[_AWAITED]),
    "open to the addressee": _shown("bob", _OPEN, _PERSONAL),
    "exclusive, open to one of its people": _shown("bob", _OPEN, _EXCLUSIVE),
    "exclusive, open to somebody else": _shown("dave", _OPEN, _EXCLUSIVE, taken=[_FIVE]),
    "exclusive, open to a taker": _shown("bob", _OPEN, _EXCLUSIVE, taken=[_FIVE]),
    "finished to a taker": _shown("bob", _OPEN, taken=[_CAROLS, _BOBS]),
    "expired to its sender": _shown("alice", _REFUNDED, taken=_ONE, now=RETURNED),
    "expired to a member": _shown("carol", _REFUNDED, taken=_ONE, now=RETURNED),
    "void to a taker": _shown("bob", _AWAITING, {"voided_at": RETURNED}, taken=[_AWAITED]),
    "frozen to a member": _shown("carol", _OPEN, {"is_frozen": True}, taken=_ONE),
}
OF_GROUPS = {
    name: PACKETS[shown] | {"actions": []}
    for name, shown in {
        "open": "open to a member",
        "of one person, open": "open to the addressee",
        "exclusive, open": "exclusive, open to somebody else",
        "expired": "expired to a member",
        "frozen": "frozen to a member",
    }.items()
} | {
    "finished": PACKETS["finished to a taker"] | {"mine": None},
    "void": PACKETS["void to a taker"] | {"mine": None, "shares": []},
}
PAID = {
    "balance": {"packet": PACKETS["open to its sender"], "order": None},
    "alipay": {"packet": DRAFTS["lucky"], "order": ORDERS["created"]},
}
_SUMMARY = {**PACKETS["open to its sender"]}
del _SUMMARY["shares"]
PAGES = {
    "more": {"results": [_SUMMARY], "next": "MTc3MTMzMDQ4MTAwMDQxMjo3"},
    "last": {"results": [], "next": None},
}
YEARS = {
    "year": {
        "year": 2026,
        "sent": {"number": 3, "money": "30.00"},
        "received": {"number": 12, "money": "45.67", "best_luck": 2},
    }
}

_SHARE = {"money": "3.21", "is_into_account": True, "update_time": FIRST.isoformat()}
GRABS = {
    "grabbed": {"outcome": "grabbed", "share": _SHARE},
    "grabbed while awaiting arrival": {
        "outcome": "grabbed",
        "share": _SHARE | {"is_into_account": False},
    },
    "already_grabbed": {"outcome": "already_grabbed", "share": _SHARE},
    "too_slow": {"outcome": "too_slow", "share": None},
    "expired": {"outcome": "expired", "share": None},
}

_BUBBLE: dict[str, Any] = {
    name: _TO_A_MEMBER[name] for name in ("id", "type", "intro", "number", "taken_number", "sender")
}
_WORDS: dict[str, dict[str, Any]] = {
    "unpaid": {"taken_number": 0},
    "open": {},
    "taken": {},
    "gone": {"taken_number": 2},
    "expired": {},
    "void": {},
    "frozen": {},
    "other": {"type": "exclusive"},
}
BUBBLES = {
    word: {"results": [_BUBBLE | facts | {"bubble": word}]} for word, facts in _WORDS.items()
} | {"none for this caller": {"results": []}}
SESSIONS = {
    "two channels": {
        "user": TAKER,
        "expire_s": 86_400,
        "limits": {
            "shares_max": 100,
            "share_min": "0.01",
            "share_max": "200.00",
            "topup_min": "0.01",
            "topup_max": "5000.00",
            "intro_max": 255,
        },
        "channels": ["alipay", "wechat"],
    }
}
GROUPS = {"of twelve": {"group_id": "g1", "number": 12}}

PROFILES = {
    "both": {"nickname": "小宝", "avatar": "https://chat.example/a/bob.png"},
    "neither": {"nickname": None, "avatar": None},
}
_OF = {"packet": _LUCKY["public_id"], "for_id": "g1"}
_NEWS = {
    "packet.issued": _OF
    | {
        "user_id": "alice",
        "type": "lucky",
        "intro": "新年快乐🧧",
        "number": 2,
        "for_users": None,
        "pay_status": "paid",
        "expire_time": DEADLINE.isoformat(),
    },
    "packet.grabbed": _OF | {"user_id": "bob", "taken_number": 1, "number": 2, "sender": "alice"},
    "packet.finished": _OF | {"user_id": "alice", "expend_time": 12, "best_luck": "carol"},
    "packet.expired": _OF | {"user_id": "alice", "return_money": "6.79", "taken_number": 1},
    "packet.voided": _OF | {"user_id": "alice", "takers": ["bob"]},
    "share.credited": _OF | {"user_id": "bob", "money": "3.21"},
    "topup.confirmed": {
        "user_id": "alice",
        "order_no": "hbagnkq4z2lm7xw3v5tq6yjr2abc",
        "money": "50.00",
    },
}
EVENTS = {
    type_: {
        "results": [{"id": str(place), "type": type_, "time": LAST.isoformat(), "data": data}],
        "next": str(place),
    }
    for place, (type_, data) in enumerate(_NEWS.items(), start=101)
} | {
    "nothing new": {"results": [], "next": "107"},
    "others alone were passed over": {"results": [], "next": "207"},
}
