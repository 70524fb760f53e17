"""The doors of /try/, asked as its own pages do."""

import json

from django.test import Client

from packets.models import RedPacket
from packets.states import Kind
from testing import make

OURS = {"origin": "http://testserver"}


def ask(door: str, body=None, headers=OURS, client=None):
    return (client or Client()).post(
        f"/try/api/{door}", json.dumps(body or {}), content_type="application/json", headers=headers
    )


def read(group: str, after: str, **query):
    answer = Client().get(
        "/try/api/feed",
        {"group": group, "after": after, **query},
        headers={"sec-fetch-site": "same-origin"},
    )
    assert answer.status_code == 200
    return answer.json()


def sent(played, kind=Kind.EQUAL, number=5, money="1.00", for_id=None) -> RedPacket:
    return make.make_paid_packet(
        kind, number, money, sender=played["people"][0]["user_id"], for_id=for_id or played["group"]
    )
