"""The last touch to the served schema (kit/http/schema.py), which only the top may know: what every
word means, and the codes of all refusals.

A field's name means one thing wherever it stands; the few that do not are named with their shape.
A test misses whatever has no words here.
"""

from typing import Any

from h5.problems import ADVICE
from packets.api.events import type_events
from packets.api.shapes import SHAPES
from payments.api.pay_params import type_pay_params

SERVERS = [{"url": "/", "description": "This service"}]
TAGS = [
    {"name": name, "description": about}
    for name, about in {
        "packets": "Send, pay, open and look at red packets, as a user.",
        "session": "What a page has to know before it draws a form.",
        "groups": "Groups of the chat, as their members see them.",
        "wallet": "The caller's own money: balance, activity, top-ups.",
        "orders": "Payments at a channel.",
        "service": "For the chat server alone, by its own key.",
    }.items()
]

OPERATIONS = {
    "sendPacket": "Nothing is paid yet: the packet is nobody else's business until it is. Its"
    " shares are drawn now, and for a lucky one committed to.",
    "payPacket": "By balance it is issued at once and `order` is null. By a channel `order` carries"
    " `pay_params`; the same channel again gives the same order, another closes the first.",
    "grabPacket": "Idempotent by nature, without a key: whoever has a share gets it again as"
    " `already_grabbed`. Too late and expired are outcomes with 200.",
    "getPacket": "What the caller may see, in one call: his own share, who took what, a sentence to"
    " show. 404 when it is not for him, or a draft or closed one of somebody else's.",
    "listPackets": "Without shares. Sent holds drafts and closed ones too; received is what the"
    " caller took a share of.",
    "getYear": "Sent counts what was issued and not void, by the time of payment; received counts"
    " shares taken, by the time they were.",
    "listBubbles": "One request for all bubbles of a chat's window.",
    "getSession": "Limits and channels are settings of the service and may change between starts.",
    "getGroup": "404 for whoever is no member, as for a group that does not exist.",
    "getWallet": "A frozen wallet pays and takes nothing; what is owed to it still arrives.",
    "listFlow": "Signed amounts; `kind` filters.",
    "createTopup": "Pay it with `pay_params`; the money is there once the channel has confirmed.",
    "getOrder": "Its owner's alone, 404 for everybody else.",
    "reportOrder": "Of a packet's order it issues the packet before the channel has confirmed;"
    " takers are credited when it has. Alipay's signed `result` is verified.",
    "replaceMembers": "All at once. Who is missing can take nothing from 5 seconds later on.",
    "addMember": "Nothing happens when he is one already.",
    "removeMember": "Effective within 5 seconds everywhere; he keeps seeing what he sent and took.",
    "putProfile": "Shown to others beside the user's packets and shares.",
    "listEvents": "Keep `next` and ask with it: every event comes once per place. At least 7 days"
    " are kept.",
    "getGroupPacket": "No caller: `mine` is null, amounts as for a member without a share.",
}

FIELDS = {
    "actions": "What this caller can do with it now.",
    "add_time": "When it was made.",
    "avatar": "Address of the user's picture; null: none.",
    "balance": "What is in the wallet, in yuan.",
    "best_luck": "How often the caller had the best luck, in finished lucky packets.",
    "bubble": "What the chat shows of it to this caller.",
    "channels": "Channels that are offered now.",
    "code": "Stable, for programs; texts may change.",
    "commitment": "Of a lucky packet: SHA-256 that binds the draw from the start.",
    "data": "What happened, by the event's type.",
    "detail": "What happened, in the caller's language.",
    "errors": "Messages by field.",
    "expend_time": "Seconds from payment until the last share was taken.",
    "expire_s": "Seconds from payment to expiry.",
    "expire_time": "From then on nobody takes anything.",
    "for_id": "The group, or of a personal one the user.",
    "for_people": "Those of `for_users`, as they are called.",
    "for_users": "Of an exclusive packet: whom each share is for; null for the other kinds.",
    "group_id": "The chat's id of the group.",
    "headline": "One sentence to show, in the caller's language.",
    "id": "Its id.",
    "intro": "The greeting.",
    "intro_max": "Most characters of a greeting.",
    "is_frozen": "Support has stopped it: nothing can be paid or taken.",
    "is_good": "Best luck of a lucky packet; null until known, and for other kinds.",
    "is_into_account": "The money is in the wallet; false while the payment is not confirmed.",
    "kind": "Why the money moved.",
    "limits": "Bounds that requests are held to.",
    "members": "Ids of all members.",
    "mine": "The caller's own share, or null.",
    "money": "An amount in yuan, with two decimals.",
    "next": "The cursor of what follows; null: nothing does.",
    "nickname": "How the user is called; null: by his id.",
    "number": "How many shares.",
    "order": "The order that it belongs to, or null.",
    "order_no": "The order's number, ours and the channel's.",
    "outcome": "What came of it.",
    "packet": "The packet that it belongs to, or null.",
    "pay_params": "What the channel's SDK or page needs, by channel and scene; null once it cannot"
    " be paid any more.",
    "pay_status": "`awaiting`: the app has reported the payment, the channel has not confirmed it.",
    "pay_time": "When it was paid and issued; null for a draft.",
    "pay_type": "How it is paid.",
    "position": "Of a finished lucky packet: the place in the draw, so that it can be repeated.",
    "purpose": "What the order pays for.",
    "received": "Shares taken.",
    "request_id": "For support: it is in the log.",
    "result": "The channel's signed synchronous result, as its SDK gave it.",
    "results": "The page's items.",
    "return_money": "What went back to the sender; null until it has, and for everybody else.",
    "return_time": "When the rest went back; the sender's alone, null until then.",
    "scene": "Where it is paid: in an app, on a phone's page, by a code on another screen.",
    "seed": "Of a finished lucky packet: what its commitment was made of.",
    "sender": "Who sent it.",
    "sent": "Packets sent.",
    "share": "The share that was taken, or null.",
    "share_max": "Most yuan a share.",
    "share_min": "Least yuan a share.",
    "shares": "Who took what, newest first, all of them.",
    "shares_max": "Most shares a packet.",
    "single_money": "Yuan a share; null for lucky ones.",
    "state": "Where the packet is in its life.",
    "status": "Where it stands.",
    "taken_money": "Yuan taken so far; null where the caller may not know.",
    "taken_number": "Shares taken so far.",
    "time": "When it happened.",
    "title": "In a few words, in the caller's language.",
    "topup_max": "Most yuan a top-up.",
    "topup_min": "Least yuan a top-up.",
    "total_money": "Yuan in all; null where the caller may not know.",
    "trade_no": "The channel's number of the payment; null before.",
    "type": "Its kind.",
    "update_time": "When the share was taken.",
    "user": "Who.",
    "user_id": "The chat's id of the user; of somebody who was erased `~` and 26 letters instead.",
    "year": "In the service's time zone.",
}
OF_ONE_SHAPE = {
    "EventPage.next": "Ask for what follows with it; never null.",
    "FlowEntry.money": "Signed: what went out is negative.",
    "Group.number": "How many members.",
    "Problem.status": "The HTTP status.",
    "Problem.type": "A page that says what happened and what to do.",
    "ReceivedSummary.number": "How many shares.",
    "SentSummary.number": "How many packets.",
    "SendRequest.type": "Personal: one share for one user. Equal and lucky: for a group. Exclusive:"
    " for named members of a group.",
}
PATHS = {
    "group_id": FIELDS["group_id"],
    "id": "The packet's id.",
    "order_no": FIELDS["order_no"],
    "user_id": "The chat's id of the user.",
}


def described(result: dict, **_: Any) -> dict:
    """drf-spectacular's hook, the last one: see SPECTACULAR_SETTINGS."""
    shapes = result["components"]["schemas"]
    shapes["Problem"]["properties"]["code"]["enum"] = sorted({one.code for one in ADVICE})
    type_events(shapes)
    type_pay_params(shapes)
    for name, shape in shapes.items():
        if name in SHAPES:
            shapes[name] = shape = {"description": SHAPES[name], **shape}
        properties = shape.get("properties", {})
        for field, schema in properties.items():
            words = OF_ONE_SHAPE.get(f"{name}.{field}") or FIELDS.get(field)
            if words:
                properties[field] = {"description": words, **schema}  # some stand in many shapes
    for methods in result["paths"].values():
        for operation in methods.values():
            operation["description"] = OPERATIONS.get(operation["operationId"], "")
            for one in operation["parameters"]:
                if one["in"] == "path":
                    one["description"] = PATHS[one["name"]]
    return {**result, "servers": SERVERS, "tags": TAGS}
