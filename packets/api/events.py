"""What each event tells the chat server, for the schema: an event is one of these by its type. What
has no words here has those of its name."""

from kit.http.describe import object_of
from kit.ids import ORDER_NO_PATTERN, PACKET_ID_PATTERN, TOLD_ID_PATTERN
from kit.money import YUAN_TOLD_PATTERN
from packets.api.serializers import EVENT_TYPES, KINDS

_USER = {"type": "string", "pattern": TOLD_ID_PATTERN}
_YUAN = {"type": "string", "pattern": YUAN_TOLD_PATTERN}
_COUNT = {"type": "integer", "minimum": 0}
_WHOSE = {**_USER, "description": "Whom it concerns."}
_OF_A_PACKET = {
    "packet": {"type": "string", "pattern": PACKET_ID_PATTERN, "description": "The packet's id."},
    "for_id": _USER,
    "user_id": _WHOSE,
}
EVENTS: dict[str, dict[str, dict]] = {
    "packet.issued": _OF_A_PACKET
    | {
        "type": {"type": "string", "enum": KINDS},
        "intro": {"type": "string"},
        "number": _COUNT,
        "for_users": {"type": ["array", "null"], "items": _USER},
        "pay_status": {"type": "string", "enum": ["paid", "awaiting"]},
        "expire_time": {"type": "string", "format": "date-time"},
    },
    "packet.grabbed": _OF_A_PACKET
    | {
        "taken_number": {**_COUNT, "description": "The ticket's: a hint, may repeat or jump."},
        "number": _COUNT,
        "sender": _USER,
    },
    "packet.finished": _OF_A_PACKET
    | {
        "expend_time": _COUNT,
        "best_luck": {"type": ["string", "null"], "description": "Who had it; null unless lucky."},
    },
    "packet.expired": _OF_A_PACKET
    | {
        "return_money": {**_YUAN, "description": "What goes back to the sender."},
        "taken_number": _COUNT,
    },
    "packet.voided": _OF_A_PACKET
    | {"takers": {"type": "array", "items": _USER, "description": "Who gets nothing now."}},
    "share.credited": _OF_A_PACKET | {"money": _YUAN},
    "topup.confirmed": {
        "user_id": _WHOSE,
        "order_no": {"type": "string", "pattern": ORDER_NO_PATTERN},
        "money": _YUAN,
    },
}


def type_events(shapes: dict) -> None:
    """Instead of any data at all: the data of the event's type."""
    plain = dict(shapes["Event"]["properties"])
    plain["id"] |= {"description": "Its place; `next` of a page is one."}
    kinds = {}
    for type_ in EVENT_TYPES:
        name = "".join(word.capitalize() for word in type_.split("."))
        shapes[f"{name}Data"] = object_of(EVENTS[type_], f"What `{type_}` says.")
        its_own = {"type": "string", "enum": [type_]}
        data = {"$ref": f"#/components/schemas/{name}Data"}
        shapes[name] = object_of(plain | {"type": its_own, "data": data}, f"An event `{type_}`.")
        kinds[type_] = f"#/components/schemas/{name}"
    shapes["Event"] = {
        "oneOf": [{"$ref": place} for place in kinds.values()],
        "discriminator": {"propertyName": "type", "mapping": kinds},
    }
