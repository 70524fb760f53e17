"""What the schema shows: one example for every outcome. A test holds each to its own shape."""
# Long: what the schema shows, as data.

from typing import Any

from payments.api.examples import ORDERS

SENDER = {"user_id": "alice", "nickname": "爱丽丝", "avatar": "https://chat.example/a/alice.png"}
TAKER = {"user_id": "bob", "nickname": "小宝", "avatar": None}
OTHER = {"user_id": "carol", "nickname": None, "avatar": None}
MADE = "2026-02-17T20:14:41.000412+08:00"
ISSUED = "2026-02-17T20:15:00.250000+08:00"
FIRST = "2026-02-17T20:15:03.120394+08:00"
LAST = "2026-02-17T20:15:12.700001+08:00"
DEADLINE = "2026-02-18T20:15:00.250000+08:00"
RETURNED = "2026-02-18T20:15:31.004417+08:00"

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

_UNPAID = {
    "id": "rp_agnkq4z2lm7xw3v5tq6yjr2abc",
    "type": "lucky",
    "for_id": "g1",
    "for_users": None,
    "for_people": None,
    "intro": "新年快乐🧧",
    "number": 2,
    "total_money": "10.00",
    "single_money": None,
    "state": "unpaid",
    "is_frozen": False,
    "pay_status": "unpaid",
    "pay_type": "unknown",
    "sender": SENDER,
    "taken_number": 0,
    "taken_money": "0.00",
    "return_money": None,
    "return_time": None,
    "add_time": MADE,
    "pay_time": None,
    "expire_time": None,
    "expend_time": None,
    "share_min": "0.01",
    "share_max": "200.00",
    "commitment": "5d2b5d5ac5e7ad6cb5a6ed0fa3a5d42f5f04a2ea6f0f7e9d2fb0c4b2f6a9be51",
    "seed": None,
    "mine": None,
    "shares": [],
    "actions": ["pay"],
    "headline": "待支付",
}
_PERSONAL = {
    "type": "personal",
    "for_id": "bob",
    "number": 1,
    "total_money": "5.00",
    "single_money": "5.00",
    "share_min": None,
    "share_max": None,
    "commitment": None,
}
_PAID = {
    "state": "open",
    "pay_status": "paid",
    "pay_type": "balance",
    "pay_time": ISSUED,
    "expire_time": DEADLINE,
}
_OPEN = _UNPAID | _PAID | {"actions": ["grab"], "headline": "已领取0/2个，共0.00/10.00元"}
_BOB: dict[str, Any] = {
    "user": TAKER,
    "money": "3.21",
    "is_good": None,
    "update_time": FIRST,
    "position": None,
}
_BOBS: dict[str, Any] = {
    "money": "3.21",
    "is_good": None,
    "is_into_account": True,
    "update_time": FIRST,
}
_HIDDEN = {"total_money": None, "taken_money": None}
_ONE_TAKEN = _OPEN | _HIDDEN | {"taken_number": 1, "headline": "已领取1/2个"}
_EXPIRED = _OPEN | {
    "state": "expired",
    "taken_number": 1,
    "taken_money": "3.21",
    "shares": [_BOB],
    "actions": [],
}

_EXCLUSIVE = _PERSONAL | {
    "type": "exclusive",
    "for_id": "g1",
    "for_users": ["bob", "carol"],
    "for_people": [
        {"user_id": "bob", "nickname": "小宝", "avatar": None},
        {"user_id": "carol", "nickname": None, "avatar": None},
    ],
    "number": 2,
    "total_money": "10.00",
}
_EXCLUSIVE_OPEN = _OPEN | _EXCLUSIVE | {"headline": "给小宝、carol的专属红包"}
_FIVE = {"money": "5.00"}

DRAFTS = {
    "lucky": _UNPAID,
    "equal": _UNPAID
    | {
        "type": "equal",
        "single_money": "5.00",
        "share_min": None,
        "share_max": None,
        "commitment": None,
    },
    "personal": _UNPAID | _PERSONAL,
    "exclusive": _UNPAID | _EXCLUSIVE,
}
PACKETS: dict[str, dict[str, Any]] = {
    "unpaid to its sender": _UNPAID,
    "closed to its sender": _UNPAID
    | {"state": "closed", "actions": [], "headline": "未支付，已关闭"},
    "open to its sender": _OPEN,
    "open to a member": _ONE_TAKEN,
    "open to a taker": _ONE_TAKEN | {"mine": _BOBS, "shares": [_BOB], "actions": []},
    "awaiting arrival to a taker": _ONE_TAKEN
    | {
        "pay_status": "awaiting",
        "pay_type": "wechat",
        "mine": _BOBS | {"is_into_account": False},
        "shares": [_BOB],
        "actions": [],
    },
    "open to the addressee": _OPEN | _PERSONAL | {"headline": "给你发了一个红包"},
    "exclusive, open to one of its people": _EXCLUSIVE_OPEN | _HIDDEN | {"single_money": None},
    "exclusive, open to somebody else": _EXCLUSIVE_OPEN
    | _HIDDEN
    | {
        "single_money": None,
        "taken_number": 1,
        "shares": [_BOB | {"money": None}],
        "actions": [],
    },
    "exclusive, open to a taker": _EXCLUSIVE_OPEN
    | {
        "taken_number": 1,
        "taken_money": "5.00",
        "mine": _BOBS | _FIVE,
        "shares": [_BOB | _FIVE],
        "actions": [],
    },
    "finished to a taker": _OPEN
    | {
        "state": "finished",
        "taken_number": 2,
        "taken_money": "10.00",
        "expend_time": 12,
        "seed": "7f" * 32,
        "mine": _BOBS | {"is_good": False},
        "shares": [
            _BOB
            | {
                "user": OTHER,
                "money": "6.79",
                "is_good": True,
                "update_time": LAST,
                "position": 2,
            },
            _BOB | {"is_good": False, "position": 1},
        ],
        "actions": [],
        "headline": "2个红包共10.00元，12秒被抢光",
    },
    "expired to its sender": _EXPIRED
    | {
        "return_money": "6.79",
        "return_time": RETURNED,
        "headline": "该红包已过期。已领取1/2个，共3.21/10.00元",
    },
    "expired to a member": _EXPIRED | _HIDDEN | {"headline": "该红包已过期。已领取1/2个"},
    "void to a taker": _ONE_TAKEN
    | {
        "state": "void",
        "pay_status": "awaiting",
        "pay_type": "wechat",
        "mine": _BOBS | {"is_into_account": False},
        "shares": [_BOB],
        "actions": [],
        "headline": "付款未到账，红包已作废",
    },
    "frozen to a member": _ONE_TAKEN
    | {"is_frozen": True, "actions": [], "headline": "该红包已被冻结"},
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
    "balance": {"packet": _OPEN, "order": None},
    "alipay": {"packet": _UNPAID, "order": ORDERS["created"]},
}


def _summary(packet: dict) -> dict:
    return {name: value for name, value in packet.items() if name != "shares"}


PAGES = {
    "more": {"results": [_summary(_OPEN)], "next": "MTc3MTMzMDQ4MTAwMDQxMjo3"},
    "last": {"results": [], "next": None},
}
YEARS = {
    "year": {
        "year": 2026,
        "sent": {"number": 3, "money": "30.00"},
        "received": {"number": 12, "money": "45.67", "best_luck": 2},
    }
}

_SHARE = {"money": "3.21", "is_into_account": True, "update_time": FIRST}
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
    name: _ONE_TAKEN[name] for name in ("id", "type", "intro", "number", "taken_number", "sender")
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
_OF = {"packet": _UNPAID["id"], "for_id": "g1"}
_NEWS = {
    "packet.issued": _OF
    | {
        "user_id": "alice",
        "type": "lucky",
        "intro": "新年快乐🧧",
        "number": 2,
        "for_users": None,
        "pay_status": "paid",
        "expire_time": DEADLINE,
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
        "results": [{"id": str(place), "type": type_, "time": LAST, "data": data}],
        "next": str(place),
    }
    for place, (type_, data) in enumerate(_NEWS.items(), start=101)
} | {
    "nothing new": {"results": [], "next": "107"},
    "others alone were passed over": {"results": [], "next": "207"},
}
