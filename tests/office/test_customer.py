"""All that concerns one customer on one page: his timeline in pages, his flow with its balances."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from office.pages.wallets import flow
from packets import grab, pay, profiles
from packets.models import Share
from packets.states import Kind
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from testing import desk, make, stories
from wallets import freeze
from wallets.credit import credit
from wallets.models import LedgerLine, Wallet


def part(page: str, name: str) -> str:
    return page[page.index(f'<section class="block" id="{name}">') :].partition("</section>")[0]


def older(page: str, name: str) -> str:
    found = re.search(r'class="older"><a href="(\?[^"#]+)', part(page, name))
    return found[1].replace("&amp;", "&") if found else ""


def page_of(user_id: str) -> str:
    return desk.page_of(Wallet(user_id=user_id))


def told_of(sitting, user_id: str, query: str = "") -> str:
    return sitting.get(page_of(user_id) + query).content.decode()


def test_one_page_holds_all_that_concerns_him(maker, alipay):  # noqa: F811
    order, case = stories.topped_up_twice(timezone.now() - timedelta(hours=1))
    packet = make.make_paid_packet(Kind.EQUAL, 2, "5.00", sender="alice")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    profiles.put(user_id="alice", nickname="爱丽丝", avatar="")
    refund = ChannelRefund.objects.get()

    page = told_of(maker, "alice")
    timeline = part(page, "timeline")

    assert "爱丽丝" in page
    for row in (order, case, refund, packet):
        assert desk.page_of(row) in timeline, row
    assert desk.page_of(order) in part(page, "orders")
    assert desk.page_of(case) in part(page, "cases")
    assert desk.page_of(refund) in part(page, "refunds")
    assert desk.page_of(packet) in part(page, "sent")
    assert packet.public_id in part(told_of(maker, "u1"), "timeline")


def test_support_sees_no_link_that_leads_nowhere(support, alipay):  # noqa: F811
    stories.topped_up_twice(timezone.now() - timedelta(hours=1))
    refund = ChannelRefund.objects.get()

    page = told_of(support, "alice")

    assert refund.refund_no in part(page, "timeline")
    assert desk.page_of(refund) not in page


def test_whoever_sees_no_groups_is_shown_none(maker, support):
    make.make_paid_packet(Kind.EQUAL, 2, "5.00", for_id="club")

    assert "?q=club" in told_of(support, "alice")
    assert "?q=club" not in told_of(maker, "alice")


def test_the_timeline_goes_on_where_it_ended_and_tells_each_thing_once(support):
    """Packets, shares and money side by side: whatever page one comes from, none is left out."""
    now = timezone.now()
    for number in range(30):
        then = now - timedelta(minutes=30 - number)
        packet = make.make_packet(Kind.EQUAL, 1, "1.00", sender="busy", for_id="g", now=then)
        credit(user_id="busy", amount=Decimal("1.00"), reason="test", now=then)
        pay.by_balance(public_id=packet.public_id, caller=Caller("busy"), now=then)
        grab.grab(public_id=packet.public_id, caller=Caller("busy"), now=then)
    entries, query, pages = [], "", 0
    while True:
        page = told_of(support, "busy", query)
        entries += re.findall(r"<li class=.tone.*?</li>", part(page, "timeline"), re.S)
        query, pages = older(page, "timeline"), pages + 1
        if not query:
            break

    # Each packet: made, paid for by one line, credited before by another, and taken.
    assert len(entries) == len(set(entries)) == 30 * 4
    assert pages == 4
    times = [re.search(r'datetime="([^"]+)', entry)[1] for entry in entries]
    assert times == sorted(times, reverse=True)


def test_one_kind_of_thing_alone(support):
    packet = make.make_paid_packet(Kind.EQUAL, 1, "1.00")

    packets = part(told_of(support, "alice", "?only=packets"), "timeline")
    money = part(told_of(support, "alice", "?only=money"), "timeline")

    assert desk.page_of(packet) in packets and "Adjustment" not in packets
    assert "Adjustment" in money and desk.page_of(packet) not in money
    assert 'aria-current="true">Money' in money.replace("money<", "Money<")


@pytest.mark.parametrize("until", ["x", "l", "l-1", "z5", "l5-s1", "l" + "9" * 40, "s1.2-t3", "١"])
def test_a_bad_place_in_the_timeline_is_no_error(support, until):
    make.make_wallet("bob", "1.00")

    assert support.get(page_of("bob"), {"until": until}).status_code == 200


def test_balances_behind_each_line(support):
    now = timezone.now()
    for _number in range(30):
        credit(user_id="bob", amount=Decimal("1.00"), reason="test", now=now)
    make.make_packet(Kind.EQUAL, 1, "1.00", sender="carl", for_id="g-carl")

    first = flow.read("bob", "")
    second = flow.read("bob", first.older)

    assert [*first.balances, *second.balances] == [Decimal(n) for n in range(30, 0, -1)]
    assert second.older == ""
    newest = LedgerLine.objects.latest("pk")
    assert flow.read("bob", str(newest.pk)).balances[0] is None  # a key alone says no balance
    assert "30.00" in part(told_of(support, "bob"), "flow")


def test_nobody_makes_up_a_balance(support):
    for _ in range(30):
        make.make_wallet("bob", "1.00")
    place = flow.read("bob", "").older
    forged = place[:-2] + ("AA" if place[-2:] != "AA" else "BB")

    assert flow.read("bob", forged).balances[0] == Decimal("30.00")  # the top again


def test_no_balance_is_told_while_money_moves(monkeypatch):
    """Between the balance and the lines somebody takes a share, each time they are read."""
    make.make_wallet("bob", "1.00")
    original = flow.newest_keys

    def keys(user_id, before):
        make.make_wallet("bob", "0.01")
        return original(user_id, before)

    monkeypatch.setattr(flow, "newest_keys", keys)

    assert set(flow.read("bob", "").balances) == {None}


def test_a_balance_is_of_the_lines_beside_it(monkeypatch):
    """Somebody takes a share behind the first look alone: what is told is the second one."""
    make.make_wallet("bob", "1.00")
    original, calls = flow.newest_keys, []

    def keys(user_id, before):
        found = original(user_id, before)
        if not calls:
            make.make_wallet("bob", "0.01")
        calls.append(found)
        return found

    monkeypatch.setattr(flow, "newest_keys", keys)
    told = flow.read("bob", "")

    assert list(told.balances) == [Decimal("1.01"), Decimal("1.00")]
    assert [line.amount for line in told.lines] == [Decimal("0.01"), Decimal("1.00")]


def test_staffs_acts_stand_on_the_timeline(support):
    make.make_wallet("bob", "1.00")
    support.act(Wallet.objects.get(pk="bob"), "freeze_wallet", "three complaints")

    timeline = part(told_of(support, "bob"), "timeline")

    assert "Freeze the wallet" in timeline and "three complaints" in timeline
    freeze.unfreeze(user_id="bob", reason="", now=timezone.now())


def test_milliseconds_tell_who_was_first(support):
    packet = make.make_paid_packet(Kind.EQUAL, 2, "1.00")
    now = timezone.now().replace(microsecond=0)
    for user, ms in (("u1", 120), ("u2", 123)):
        moment = now + timedelta(milliseconds=ms)
        grab.grab(public_id=packet.public_id, caller=Caller(user), now=moment)

    shares = part(support.text(packet), "shares")

    assert Share.objects.filter(user_id="u2").exists()
    assert ".120<" in shares and ".123<" in shares
    assert ".120<" in part(support.text(packet), "timeline")


def test_a_page_costs_as_much_for_a_long_history(support):
    for _ in range(3):
        make.make_paid_packet(Kind.EQUAL, 1, "1.00")
    few = queries(support, page_of("alice"))
    for _ in range(40):
        make.make_paid_packet(Kind.EQUAL, 1, "1.00")

    assert queries(support, page_of("alice")) == few <= 34
    assert PaymentOrder.objects.count() == Case.objects.count() == 0


def queries(sitting, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        assert sitting.get(url).status_code == 200
    return len(captured)


def test_a_long_page_leads_to_its_parts(support):
    make.make_paid_packet(Kind.EQUAL, 1, "1.00")

    page = told_of(support, "alice")

    places = re.findall(r'<a href="#(\w+)">', page[page.index('class="places"') :])
    assert {"timeline", "flow", "sent", "taken", "orders"} <= set(places)
    assert all(f'id="{name}"' in page for name in places)
