"""What stands on the page: each viewer in each state of each kind, in both languages."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from packets import close, freeze, members, refund
from packets.models import RedPacket
from packets.states import Kind
from testing import make
from tests.h5.phones import face

pytestmark = pytest.mark.once  # what a page shows comes as JSON, which other tests ask of both
HOST = {"init": {"version": 1, "capabilities": ["close"]}}
GROUP, PERSONAL = (Kind.LUCKY, Kind.EQUAL), (Kind.PERSONAL,)


def draft(kind: Kind) -> RedPacket:
    return make.make_packet(kind, **size(kind))


def size(kind: Kind) -> dict:
    if kind is Kind.PERSONAL:
        return {"number": 1, "money": "5.00", "for_id": "u1"}
    return {"number": 2, "money": "6.00" if kind is Kind.LUCKY else "3.00"}


def paid(kind: Kind) -> RedPacket:
    return make.make_paid_packet(kind, **size(kind))


def grab(packet: RedPacket, *users: str) -> RedPacket:
    for user in users:
        assert make.user(user).post(f"packets/{packet.public_id}/grab", key="").status_code == 200
    return packet


def finished(kind: Kind) -> RedPacket:
    return grab(paid(kind), *(["u1"] if kind is Kind.PERSONAL else ["u1", "u2"]))


def expired(kind: Kind) -> RedPacket:
    """With one share taken while it was open; the rest has been refunded."""
    packet = paid(kind)
    if kind is not Kind.PERSONAL:
        grab(packet, "u1")
    RedPacket.objects.filter(pk=packet.pk).update(
        pay_time=timezone.now() - timedelta(days=1, minutes=1),
        expire_time=timezone.now() - timedelta(minutes=1),
    )
    refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    return packet


def void(kind: Kind) -> RedPacket:
    packet, order = make.make_reported_packet(kind, **size(kind))
    grab(packet, "u1")
    make.end(order, timezone.now())
    return packet


def closed(kind: Kind) -> RedPacket:
    packet = draft(kind)
    close.close(packet=packet, now=timezone.now() + timedelta(days=2))
    return packet


# state -> viewer -> face, for a group's; "left" sent it, and left the group.
CELLS = {
    draft: {"alice": "draft", "u3": "missing", "zed": "missing"},
    paid: {"alice": "envelope", "u3": "envelope", "zed": "missing"},
    finished: {"alice": "luck", "u1": "luck", "u3": "slow", "zed": "missing"},
    expired: {"alice": "luck", "u1": "luck", "u3": "expired", "zed": "missing"},
    void: {"alice": "luck", "u1": "luck", "u3": "missing", "zed": "missing"},
    closed: {"alice": "closed", "u3": "missing", "zed": "missing"},
}
PERSONAL_CELLS = {
    draft: {"alice": "draft", "u1": "missing"},
    paid: {"alice": "luck", "u1": "envelope", "u2": "missing"},
    finished: {"alice": "luck", "u1": "luck", "u2": "missing"},
    expired: {"alice": "luck", "u1": "expired", "u2": "missing"},
    void: {"alice": "luck", "u1": "luck"},
    closed: {"alice": "closed", "u1": "missing"},
}
NOTES = {
    ("paid", "luck"): ("将于24小时后发起退款", "What nobody takes in 24 hours comes back to you"),
    ("finished", "slow"): ("手慢了，红包派完了", "Too late, it is all gone"),
    ("expired", "expired"): ("该红包已超过24小时", "This red packet is over 24 hours old"),
    ("void", "luck"): ("付款未到账，红包已作废", "The payment did not arrive"),
    ("draft", "draft"): ("待支付", "To be paid"),
}


@pytest.mark.parametrize("kind", [*GROUP, *PERSONAL], ids=lambda kind: kind.word)
def test_each_cell(phone, kind):
    make.make_group("alice", "u1", "u2", "u3")
    for make_it, viewers in (PERSONAL_CELLS if kind in PERSONAL else CELLS).items():
        packet = make_it(kind)
        for viewer, wanted in viewers.items():
            page = phone.open(f"/h5/packet/{packet.public_id}", viewer, host=HOST)
            face(page, wanted)
            texts = NOTES.get((make_it.__name__, wanted))
            if texts:
                expect(page.get_by_text(texts[0]).first).to_be_visible()
            page.evaluate("tellPage('lang', {lang: 'en'})")
            if texts:
                expect(page.get_by_text(texts[1]).first).to_be_visible()
            elif wanted != "missing":
                expect(page.get_by_role("heading", level=1)).to_have_text("Red packet from alice")
            assert page.get_by_role("heading", level=1).count() == 1
            phone.close()


def test_who_left_sees_and_does_nothing(phone):
    make.make_group("alice", "u1", "u2")
    packet = grab(paid(Kind.LUCKY), "u1")
    for user in ("alice", "u1"):
        members.remove(group_id="g1", user_id=user)
    for user in ("alice", "u1"):
        page = phone.open(f"/h5/packet/{packet.public_id}", user)
        face(page, "luck")
        assert page.get_by_role("button", name="開红包").count() == 0


def test_the_senders_rest_is_told_with_when(phone):
    make.make_group("alice", "u1", "u2")
    packet = expired(Kind.EQUAL)
    page = phone.open(f"/h5/packet/{packet.public_id}", "alice")
    face(page, "luck")

    expect(page.get_by_text("已退回3.00元 · ")).to_be_visible()


def test_nothing_of_a_running_lucky_packet_is_in_the_page(phone):
    make.make_group("alice", "u1", "u2", "u3")
    packet = grab(paid(Kind.LUCKY), "u1")
    mine = packet.shares.get(user_id="u1").money
    other = packet.shares.get(user_id=None).money
    page = phone.open(f"/h5/packet/{packet.public_id}", "u1")
    face(page, "luck")

    html = page.evaluate("document.documentElement.outerHTML")
    assert f"{mine}元" in html
    assert "6.00" not in html and (other == mine or str(other) not in html)
    assert "手气最佳" not in html


FROZEN = "该红包已被冻结，如有疑问请联系客服"


def test_frozen_lies_over_every_face(phone):
    make.make_group("alice", "u1", "u2", "u3")
    seen = ((draft, "alice", "draft"), (paid, "u3", "envelope"), (finished, "u1", "luck"),
            (finished, "u3", "slow"))  # fmt: skip
    for make_it, viewer, wanted in seen:
        packet = make_it(Kind.LUCKY)
        freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())
        page = phone.open(f"/h5/packet/{packet.public_id}", viewer)
        face(page, wanted)
        expect(page.get_by_role("alert")).to_have_text(FROZEN)
        assert page.get_by_role("link").count() == 0
        assert [one.inner_text() for one in page.get_by_role("button").all()] == ["关闭"]
        phone.close()
