"""One box finds anything, however it was pasted."""

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from office.frame.find import words
from packets import grab
from packets.models import RedPacket
from packets.states import Kind
from payments.models import ChannelRefund
from tests import make
from tests.office import desk, stories
from wallets.models import LedgerLine, Wallet


def find(sitting, text: str):
    return sitting.get("/admin/find/", {"q": text})


def goes_to(sitting, text: str) -> str:
    answer = find(sitting, text)
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"]


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t,
        lambda t: f"  {t}\n",
        lambda t: f"{t[:9]} {t[9:15]}\r\n{t[15:]}",
        lambda t: "\u200b".join(t) + "\ufeff",
        wide,
        str.upper,
        lambda t: f"红包编号：{t}",
        lambda t: f"\u2067{t}\u2069\x00",
    ],
)
def test_a_packet_id_goes_straight_to_its_page(support, spoil):
    packet = make.make_paid_packet()

    assert goes_to(support, spoil(packet.public_id)) == desk.page_of(packet)


def test_each_kind_of_number_finds_its_page(maker):
    packet = make.make_paid_packet(Kind.EQUAL, 2, "5.00")
    order, _ = stories.topped_up_twice(timezone.now())
    refund = ChannelRefund.objects.get()

    pages = {
        "alice": Wallet.objects.get(pk="alice"),
        "wallet:alice": Wallet.objects.get(pk="alice"),
        str(packet.pk): packet,
        f"escrow:{packet.public_id}": packet,
        order.order_no: order,
        order.trade_no: order,
        refund.refund_no: refund,
    }

    for text, row in pages.items():
        assert goes_to(maker, text) == desk.page_of(row), text


def test_a_ledger_reference_finds_its_line(support):
    packet = make.make_paid_packet(Kind.EQUAL, 2, "5.00")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    line = LedgerLine.objects.latest("pk")

    assert goes_to(support, line.reference) == desk.page_of(line)


def test_several_hits_are_listed_by_kind(support):
    packet = make.make_paid_packet()
    make.make_wallet(str(packet.pk), "1.00")

    page = find(support, str(packet.pk)).content.decode()

    assert desk.page_of(packet) in page
    assert desk.page_of(Wallet.objects.get(pk=str(packet.pk))) in page


def test_a_sender_without_a_wallet_has_a_page(support):
    make.make_packet(sender="poor", for_id="g9")

    url = goes_to(support, "poor")

    assert "has no wallet yet" in support.get(url).content.decode()


def test_upper_and_lower_case_users_differ(support):
    make.make_wallet("U1", "1.00")
    make.make_wallet("u1", "2.00")

    assert goes_to(support, "U1") == "/admin/wallets/wallet/U1/change/"
    assert goes_to(support, "u1") == "/admin/wallets/wallet/u1/change/"


@pytest.mark.parametrize(
    "text",
    ["", "   ", "nobody", "红包", "\u200b", "9" * 400, "'; --", "%", "<script>", "0", "\ud7ff"],
)
def test_nonsense_finds_nothing_and_breaks_nothing(support, text):
    answer = find(support, text)

    assert answer.status_code == 200
    assert answer.content.count(b"<script>") == 0


def test_only_what_one_may_see_is_found(support):
    stories.topped_up_twice(timezone.now())
    refund = ChannelRefund.objects.get()

    assert find(support, refund.refund_no).status_code == 200
    assert not RedPacket.objects.exists()


def test_few_queries_whatever_is_asked(support, django_assert_max_num_queries):
    packet = make.make_paid_packet()
    find(support, "warm")

    with django_assert_max_num_queries(30):
        find(support, "nobody")
    with django_assert_max_num_queries(30):
        find(support, packet.public_id)


def test_words():
    assert words(" ＲＰ_Ab\u200b12 ") == ["RP_Ab12", "rp_ab12"]
    assert words("#12") == ["12"]
    assert words("交易号: 2026") == ["2026"]
    assert len(words("a" * 5000)[0]) == 128
