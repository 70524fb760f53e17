"""Whole stories over HTTP, from the wallet to the results page and back."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from kit.http.caller import Caller
from packets import draw, pay
from packets.models import RedPacket
from packets.tasks import refund_expired
from packets.tickets import queue as tickets
from testing.make import make_wallet, service, user

BALANCE = {"pay_type": "balance"}


def group(*names: str) -> None:
    body = {"members": list(names)}
    assert service().put("service/groups/g1/members", body).status_code == 204


def balance(name: str) -> str:
    return user(name).get("wallet").json()["balance"]


def test_lucky_draw_sent_paid_grabbed_by_a_crowd_finished_and_looked_at():
    crowd = [f"u{i}" for i in range(1, 13)]
    group("alice", *crowd)
    service().put("service/profiles/u1", {"nickname": "小宝", "avatar": None})
    make_wallet("alice", "100.00")
    wish = {"type": "lucky", "for_id": "g1", "number": 10, "total_money": "88.88"}

    draft = user("alice").post("packets", wish).json()
    assert (draft["state"], draft["intro"], draft["actions"]) == (
        "unpaid",
        "恭喜发财，大吉大利",
        ["pay"],
    )
    path = f"packets/{draft['id']}"
    assert user("u1").post(f"{path}/grab").json()["code"] == "not_issued"
    paid = user("alice").post(f"{path}/pay", BALANCE).json()
    assert (paid["packet"]["state"], paid["packet"]["pay_type"]) == ("open", "balance")
    assert balance("alice") == "11.12"
    grabs = {name: user(name).post(f"{path}/grab").json() for name in crowd}
    assert [grab["outcome"] for grab in grabs.values()] == ["grabbed"] * 10 + ["too_slow"] * 2

    page = user("u12").get(path).json()
    assert page["state"] == "finished"
    assert [share["user"]["user_id"] for share in page["shares"]] == crowd[9::-1]
    assert page["shares"][-1]["user"]["nickname"] == "小宝"
    for share in page["shares"]:
        name = share["user"]["user_id"]
        assert share["money"] == grabs[name]["share"]["money"] == balance(name)
    assert sum(Decimal(share["money"]) for share in page["shares"]) == Decimal("88.88")
    best = [share["money"] for share in page["shares"] if share["is_good"]]
    assert best == [max((share["money"] for share in page["shares"]), key=Decimal)]
    rules = {"total": 8888, "number": 10, "minimum": 1, "maximum": 20_000}
    seed = bytes.fromhex(page["seed"])
    assert draw.commitment(public_id=draft["id"], seed=seed, **rules) == draft["commitment"]
    drawn = [f"{fen / 100:.2f}" for fen in draw.draw(seed=seed, **rules)]
    assert sorted(drawn) == sorted(share["money"] for share in page["shares"])
    types = [event["type"] for event in service().get("service/events").json()["results"]]
    assert types == ["packet.issued", *["packet.grabbed"] * 10, "packet.finished"]


def three_shares(money: str) -> tuple[str, str]:
    """A draft of alice, who has 10.00 yuan, for three; its id and path."""
    group("alice", "bob", "carol")
    make_wallet("alice", "10.00")
    wish = {"type": "equal", "for_id": "g1", "number": 3, "single_money": money}
    packet = user("alice").post("packets", wish).json()["id"]
    return packet, f"packets/{packet}"


def test_expired_packet_returns_what_nobody_took():
    packet, path = three_shares("2.00")
    earlier = timezone.now() - timedelta(seconds=settings.REDPACKET_EXPIRE_S - 2)
    pay.by_balance(public_id=packet, caller=Caller("alice"), now=earlier)
    assert user("bob").post(f"{path}/grab").json()["outcome"] == "grabbed"
    # The clock cannot be turned, so its deadline comes to it.
    RedPacket.objects.update(expire_time=timezone.now())
    tickets.forget(packet)

    assert user("carol").post(f"{path}/grab").json() == {"outcome": "expired", "share": None}
    assert user("bob").post(f"{path}/grab").json()["outcome"] == "already_grabbed"
    before = user("alice").get(path).json()
    refund_expired()
    after = user("alice").get(path).json()

    assert (before["state"], before["return_money"]) == ("expired", None)
    assert (after["state"], after["return_money"]) == ("expired", "4.00")
    assert after["headline"] == "该红包已过期。已领取1/3个，共2.00/6.00元"
    assert (balance("alice"), balance("bob")) == ("8.00", "2.00")
    refunds = user("alice").get("wallet/flow?kind=refund").json()["results"]
    assert [(line["money"], line["packet"]) for line in refunds] == [("4.00", packet)]
    event = service().get("service/events").json()["results"][-1]
    assert event["type"] == "packet.expired"
    assert event["data"] == {
        "packet": packet,
        "for_id": "g1",
        "user_id": "alice",
        "return_money": "4.00",
        "taken_number": 1,
    }
    refund_expired()
    assert balance("alice") == "8.00"


def test_personal_packet_is_between_two():
    make_wallet("alice", "5.00")
    wish = {"type": "personal", "for_id": "bob", "single_money": "5.00", "intro": "生日快乐🎂"}
    packet = user("alice").post("packets", wish).json()["id"]
    path = f"packets/{packet}"
    user("alice").post(f"{path}/pay", BALANCE)

    assert user("alice").get(path).json()["headline"] == "红包金额5.00元，等待对方领取"
    assert user("bob").get(path).json()["headline"] == "给你发了一个红包"
    assert user("carol").get(path).status_code == 404
    assert user("carol").post(f"{path}/grab").status_code == 404
    assert user("alice").post(f"{path}/grab").json()["code"] == "own_packet"
    assert user("bob").post(f"{path}/grab").json()["share"]["money"] == "5.00"
    assert user("bob").get(path).json()["headline"] == "已存入钱包"
    assert user("alice").get(path).json()["headline"] == "1个红包共5.00元"
    assert (balance("alice"), balance("bob")) == ("0.00", "5.00")


def test_equal_packet_goes_to_the_sender_too():
    _, path = three_shares("1.00")
    user("alice").post(f"{path}/pay", BALANCE)

    for name in ("alice", "bob", "carol"):
        assert user(name).post(f"{path}/grab").json()["outcome"] == "grabbed"

    page = user("bob").get(path).json()
    assert (page["state"], page["total_money"], page["seed"]) == ("finished", "3.00", None)
    assert {share["is_good"] for share in page["shares"]} == {None}
    assert [balance(name) for name in ("alice", "bob", "carol")] == ["8.00", "1.00", "1.00"]
