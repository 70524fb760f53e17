"""What the pages tell, in which order, with how many queries; and what they must not tell."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab, refund, settle
from packets.models import RedPacket, Share
from packets.states import Kind
from payments import raw
from testing import desk, make, stories
from wallets import freeze
from wallets.models import LedgerLine, Wallet

MONEY = "66.66"


def take(packet, *users: str) -> None:
    for user in users:
        grab.grab(public_id=packet.public_id, caller=Caller(user), now=timezone.now())


def hidden(packet: RedPacket) -> set[str]:
    """What must not be told of an open lucky packet: its seed and the amounts nobody took."""
    packet.refresh_from_db()
    untaken = packet.shares.filter(user_id=None).values_list("money", flat=True)
    taken = set(packet.shares.exclude(user_id=None).values_list("money", flat=True))
    return {packet.seed} | {f">{money:.2f}<" for money in untaken if money not in taken}


def in_order(text: str, *parts: str) -> None:
    place = 0
    for part in parts:
        found = text.find(part, place)
        assert found >= 0, f"{part!r} does not come after {text[max(0, place - 40) : place]!r}"
        place = found + len(part)


def tells(text: str, *parts: str) -> None:
    """Its timeline does, in this order."""
    in_order(text[text.index('id="timeline"') :], *parts)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.word)
def test_the_page_says_what_a_packet_of_each_kind_is(support, kind):
    packet = make.make_paid_packet(kind, 1, "5.00", for_id="u1" if kind is Kind.PERSONAL else "g1")

    text = support.text(packet)

    assert "alice" in text and "5.00 yuan" in text and "0 of 1 taken." in text


def test_an_exclusive_packet_says_who_has_taken_and_who_waits(support):
    packet = make.make_paid_packet(Kind.EXCLUSIVE, 2, "5.00")
    take(packet, "u2")

    text = support.text(packet)

    assert "alice sends 10.00 yuan in equal shares to u1, u2 of the group g1." in text
    _, _, shares = text.partition("<h2>Shares</h2>")
    in_order(shares, ">u1<", "not taken yet", ">u2<", ">u2<", ">5.00<", "credited")
    make.user("u1").post(f"packets/{packet.public_id}/grab", key="")
    assert "not taken yet" not in support.text(packet)


@pytest.mark.parametrize("who", ["support", "superuser"])
def test_an_open_lucky_packet_keeps_its_secrets(who, request):
    sitting = request.getfixturevalue(who)
    packet = make.make_paid_packet(Kind.LUCKY, 6, MONEY)
    take(packet, "u1", "u2")
    best = packet.shares.get(is_good=True)

    texts = [
        sitting.text(packet),
        sitting.get(desk.list_of(RedPacket)).content.decode(),
        sitting.get(desk.list_of(RedPacket), {"q": packet.public_id}).content.decode(),
        sitting.text(Wallet.objects.get(pk="u1")),
        sitting.get("/admin/find/", {"q": "u1"}, follow=True).content.decode(),
    ]

    assert len(hidden(packet)) > 3
    for text in texts:
        assert [secret for secret in hidden(packet) if secret in text] == []
        assert "best luck" not in text.lower()
    assert best.rp_id == packet.pk


@pytest.mark.parametrize("who", ["support", "superuser"])
@pytest.mark.parametrize(
    "probe",
    [
        "seed__startswith=a",
        "seed__gt=0",
        "shares__is_good=1",
        "shares__money__gt=1",
        "shares__position__exact=1",
        "single_money__gt=1",
        "o=3",
        "_facets=1",
    ],
)
def test_a_list_cannot_be_asked_about_what_it_hides(who, probe, request):
    """Django lets any column of the model be filtered by address."""
    sitting = request.getfixturevalue(who)
    packet = make.make_paid_packet(Kind.LUCKY, 2, MONEY)

    answer = sitting.get(f"{desk.list_of(RedPacket)}?{probe}")

    if probe in ("o=3", "_facets=1"):
        assert answer.status_code == 200
    else:
        assert answer.status_code in (302, 400)
        assert packet.public_id not in answer.content.decode()


def test_a_finished_packet_tells_all(support):
    packet = make.make_paid_packet(Kind.LUCKY, 3, MONEY)
    take(packet, "u1", "u2", "u3")
    packet.refresh_from_db()

    text = support.text(packet)

    assert packet.seed in text
    assert f"best luck: {packet.shares.get(is_good=True).user_id}" in text
    assert all(f">{share.money:.2f}<" in text for share in packet.shares.all())


def test_an_expired_packet_tells_its_untaken_amounts_but_no_best_luck(support):
    packet = make.make_expired_packet(Kind.LUCKY, 3, MONEY)
    refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    packet.refresh_from_db()

    text = support.text(packet)

    assert all(f">{share.money:.2f}<" in text for share in packet.shares.all())
    assert "best luck:" not in text
    assert packet.seed in text


def test_the_timeline_tells_in_order_who_did_what(support):
    then = timezone.now() - timedelta(hours=1)
    packet = make.make_paid_packet(Kind.EQUAL, 2, "5.00", now=then)
    stories.take(packet, "u1", then + timedelta(seconds=5))
    support.act(packet, "freeze_packet", "he says that it was not him")
    support.act(packet, "unfreeze_packet", "it was him after all")
    take(packet, "u2")

    text = support.text(packet)

    tells(
        text,
        "put 10.00 yuan into a packet of 2 shares",
        "issues the packet",
        "takes share",
        "Freeze the packet",
        "he says that it was not him",
        "Unfreeze the packet",
        "it was him after all",
        "takes share",
        "all shares are gone",
    )
    assert text.count('<span class="who">support</span>') == 2


def test_a_channels_packet_tells_payment_and_both_passes(support):
    packet, order = make.make_reported_packet(Kind.EQUAL, 3, "5.00")
    then = timezone.now()
    stories.take(packet, "u1", then + timedelta(seconds=5))
    waiting = support.text(packet)
    make.confirm(order, then + timedelta(seconds=20))
    for number, after_s in ((1, 20), (2, 25)):
        settle.run_pass(rp_id=packet.pk, number=number, now=then + timedelta(seconds=after_s))

    text = support.text(packet)

    assert "awaiting arrival" in waiting and "not credited yet" in waiting
    tells(
        text,
        "wants to pay 15.00 yuan by Alipay",
        "says that it is paid",
        "issues the packet",
        "takes share",
        "confirms that 15.00 yuan have arrived",
        "credits 5.00 yuan to u1",
        "settlement pass 1 credits 5.00 yuan (shares: 1)",
        "settlement pass 2 credits 0.00 yuan (shares: 0)",
    )
    assert "not credited yet" not in text
    assert desk.page_of(order) in text
    assert packet.public_id in support.text(order)


def test_the_bar_adds_up(support):
    packet = make.make_expired_packet(Kind.EQUAL, 4, "5.00")
    stories.take(packet, "u1", packet.pay_time + timedelta(minutes=1))
    refund.refund_expired(rp_id=packet.pk, now=timezone.now())

    text = support.text(packet)

    assert '<rect class="bar-taken" x="0" y="0" width="250"' in text
    assert '<rect class="bar-returned" x="250" y="0" width="750"' in text
    assert '<rect class="bar-waiting" x="1000" y="0" width="0"' in text


def test_a_frozen_wallet_says_why_by_whom_and_since_when(support):
    make.make_wallet("bob", "12.34")
    wallet = Wallet.objects.get(pk="bob")
    support.act(wallet, "freeze_wallet", "three complaints in an hour")
    wallet.refresh_from_db()

    text = support.text(wallet)

    assert "The wallet of bob holds 12.34 yuan." in text
    assert "Frozen: three complaints in an hour (support, " in text


def flow_of(page: str) -> str:
    return page[page.index('id="flow"') :].partition("</section>")[0]


def test_a_wallets_flow_has_pages(support):
    for _ in range(30):
        make.make_wallet("bob", "1.00")
    wallet = Wallet.objects.get(pk="bob")

    first = support.text(wallet)
    older = first[first.index("?before=") :].partition("#")[0]
    second = support.get(desk.page_of(wallet) + older).content.decode()

    assert flow_of(first).count("Adjustment") == 25
    assert flow_of(second).count("Adjustment") == 5


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "１", ""])
def test_a_bad_place_in_a_flow_is_the_top(support, before):
    make.make_wallet("bob", "1.00")
    wallet = Wallet.objects.get(pk="bob")

    assert support.get(desk.page_of(wallet), {"before": before}).status_code == 200


def test_an_order_shows_what_the_channel_said_without_what_could_be_misused(support):
    order, case = stories.topped_up_twice(timezone.now())

    text = support.text(order)

    tells(
        text,
        "asks for the order",
        "says that it is paid",
        "payment confirmed",
        "confirms that 120.00 yuan have arrived",
        "money in suspense",
    )
    assert "&quot;amount&quot;: &quot;120.00&quot;" in text
    assert "good" not in text
    assert desk.page_of(case) in text


def test_secrets_in_raw_notices_are_masked():
    form = "out_trade_no=PK1&sign_type=RSA2&buyer_logon_id=158****1562&sign=kPbQIjX%2Bdeadbeef"
    wechat = {
        "id": "EV1",
        "resource": {"ciphertext": "c2VjcmV0LXNlY3JldA==", "nonce": "0123456789"},
    }

    assert raw.pretty(form.encode()).splitlines() == [
        "out_trade_no = PK1",
        "sign_type = RSA2",
        "buyer_logon_id = 158*… (11)",
        "sign = kPbQ… (16)",
    ]
    assert raw.masked(wechat) == {
        "id": "EV1",
        "resource": {"ciphertext": "c2Vj… (20)", "nonce": "0123… (10)"},
    }
    assert raw.pretty(b"\x00\xff") == "(2 bytes)"
    assert raw.pretty(b"[" * 60000) == "(60000 bytes)"


def queries(sitting, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert sitting.get(url).status_code == 200
    return len(captured)


def test_pages_and_lists_ask_as_often_for_many_rows_as_for_few(support):
    few = make.make_paid_packet(Kind.EQUAL, 2, "1.00", for_id="small")
    take(few, "u1")
    users = [f"m{i}" for i in range(40)]
    make.make_group("alice", *users, group_id="big")
    many = make.make_paid_packet(Kind.EQUAL, 40, "1.00", for_id="big")
    lists = [desk.list_of(model) for model in (RedPacket, Wallet, LedgerLine)]
    support.get("/admin/")  # content types are read once a process

    before = [queries(support, url) for url in lists]
    take(many, *users)
    for _ in range(10):
        make.make_paid_packet(Kind.EQUAL, 1, "1.00", for_id="small")
    after = [queries(support, url) for url in lists]

    assert after == before
    assert max(after) <= 12
    small, large = (queries(support, desk.page_of(packet)) for packet in (few, many))
    assert small == large <= 20
    assert queries(support, desk.page_of(Wallet.objects.get(pk="alice"))) <= 30


def test_no_page_makes_a_policy_necessary(support):
    """Nothing inline: the strict Content-Security-Policy would refuse it."""
    packet = make.make_paid_packet()
    urls = [
        "/admin/",
        desk.list_of(RedPacket),
        desk.page_of(packet),
        f"{desk.act_url(packet, 'freeze_packet')}?pk={packet.pk}",
        f"/admin/find/?q={quote('nothing here')}",
    ]

    for url in urls:
        answer = support.get(url)
        text = answer.content.decode()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "<style" not in text and " style=" not in text and " onclick=" not in text
        assert all(" src=" in tag for tag in text.split("<script")[1:]), url


def test_a_row_that_is_not_there_is_said_kindly(support):
    assert support.get("/admin/packets/redpacket/999/change/").status_code == 302
    assert support.get("/admin/packets/redpacket/x/change/").status_code == 302
    assert support.get("/admin/wallets/wallet/%20/change/").status_code == 302


def test_freezing_by_command_is_shown_without_a_name(support):
    make.make_wallet("bob", "1.00")
    freeze.freeze(user_id="bob", reason="by hand", now=timezone.now())

    assert "Frozen: by hand" in support.text(Wallet.objects.get(pk="bob"))
    assert not Share.objects.exists()
