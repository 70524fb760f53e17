"""The wallet and its flow (流水) over HTTP."""

import pytest
from django.utils import timezone

from packets import refund
from packets.models import RedPacket
from packets.states import Kind
from testing.make import make_expired_packet, make_group, make_paid_packet, make_wallet, user
from tests.flows.test_lists import walk

TITLES = {
    "send": ("发红包", "Sent red packet"),
    "grab": ("抢红包", "Grabbed red packet"),
    "refund": ("红包过期退款", "Expired red packet returned"),
    "adjustment": ("调账", "Adjustment"),
}


def test_wallet_of_who_never_had_money():
    assert user("nobody").get("wallet").json() == {"balance": "0.00", "is_frozen": False}
    assert user("nobody").get("wallet/flow").json() == {"results": [], "next": None}


def test_flow_of_every_kind():
    make_group("alice", "bob")
    expired = make_expired_packet(Kind.EQUAL, 2, "1.00", sender="alice")
    refund.refund_expired(rp_id=expired.pk, now=timezone.now())
    packet = make_paid_packet(Kind.EQUAL, 2, "3.00", sender="bob").public_id
    user("alice").post(f"packets/{packet}/grab")

    flow = user("alice").get("wallet/flow").json()["results"]

    assert [(line["kind"], line["money"], line["packet"]) for line in flow] == [
        ("grab", "3.00", packet),
        ("refund", "2.00", expired.public_id),
        ("send", "-2.00", expired.public_id),
        ("adjustment", "2.00", None),
    ]
    assert all(line["order"] is None for line in flow)
    assert len({line["id"] for line in flow}) == 4
    english = user("alice", "en").get("wallet/flow").json()["results"]
    for chinese, line in zip(flow, english, strict=True):
        assert (chinese["title"], line["title"]) == TITLES[line["kind"]]
        assert {**line, "title": ""} == {**chinese, "title": ""}
    assert user("alice").get("wallet").json()["balance"] == "5.00"
    for kind in ("grab", "refund", "send", "adjustment"):
        only = user("alice").get(f"wallet/flow?kind={kind}").json()["results"]
        assert [line["kind"] for line in only] == [kind]
    assert user("alice").get("wallet/flow?kind=topup").json()["results"] == []
    assert user("alice").get("wallet/flow?kind=").json()["results"] == flow
    assert [line["kind"] for line in user("bob").get("wallet/flow").json()["results"]] == [
        "send",
        "adjustment",
    ]


def test_flow_pages_skip_and_repeat_nothing_while_money_arrives():
    for i in range(1, 6):
        make_wallet("alice", f"{i}.00")

    walked = walk(
        user("alice"), "wallet/flow?limit=2", meanwhile=lambda: make_wallet("alice", "9.00")
    )

    money = [[line["money"] for line in page] for page in walked]
    assert money == [["5.00", "4.00"], ["3.00", "2.00"], ["1.00"]]


@pytest.mark.parametrize("query", ["kind=theft", "kind=%00", "kind=GRAB", "limit=0", "limit=101"])
def test_bad_flow_query(query):
    response = user("alice").get(f"wallet/flow?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert not RedPacket.objects.exists()
