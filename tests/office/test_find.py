"""One box finds anything, however it was pasted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.models import IdempotencyRecord
from office.frame.find import words
from packets import grab, pay, profiles
from packets.models import RedPacket
from packets.states import Kind
from payments.models import ChannelRefund
from testing import desk, make, stories
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
    [
        *("", "   ", "nobody", "红包", "\u200b", "9" * 400, "'; --", "%", "<script>", "0"),
        "\ud7ff",
        *("88.88 9999-12-31", "88.88 0001-01-01", "88.88 3000年1月1日"),
    ],
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


# --- what nothing bears


def listed(sitting, text: str) -> str:
    answer = find(sitting, text)
    assert answer.status_code == 200, answer.headers
    return answer.content.decode()


def test_a_nickname_and_its_beginning(support):
    profiles.put(user_id="u77", nickname="爱丽丝", avatar="")
    profiles.put(user_id="u78", nickname="爱丽", avatar="")
    profiles.put(user_id="u79", nickname="小a", avatar="")

    assert goes_to(support, "爱丽丝") == "/admin/wallets/wallet/u77/change/"
    assert "/wallet/u77/" in listed(support, "爱") and "/wallet/u78/" in listed(support, "爱")
    make.make_wallet("a", "1.00")
    assert goes_to(support, "小a") == "/admin/wallets/wallet/u79/change/"


def test_two_letters_are_a_beginning_of_an_id(support):
    make.make_wallet("zoe", "1.00")

    assert "/wallet/zoe/" in listed(support, "zo")
    assert "/wallet/zoe/" not in listed(support, "oe")


def test_a_nickname_that_is_anothers_id_is_asked_about(support):
    """Whoever calls himself as another one is known leads nobody to the wrong wallet."""
    make.make_wallet("bob", "1.00")
    profiles.put(user_id="u77", nickname="bob", avatar="")

    page = listed(support, "bob")

    assert "/wallet/bob/" in page and "/wallet/u77/" in page


def test_a_greeting_by_its_sender(support):
    packet = make.make_paid_packet(Kind.EQUAL, 1, "1.00", sender="alice")
    other = make.make_paid_packet(Kind.EQUAL, 1, "1.00", sender="bob", for_id="g-bob")
    RedPacket.objects.update(intro="生日快乐，天天开心")
    profiles.put(user_id="alice", nickname="爱丽丝", avatar="")

    for text in ("alice 天天", "爱丽丝 生日快乐"):
        page = listed(support, text)
        assert packet.public_id in page and other.public_id not in page
    assert packet.public_id not in listed(support, "alice 新年")


def test_an_amount_and_a_day(support):
    now = timezone.now()
    ago = [now - timedelta(days=days) for days in (40, 1, 0)]
    long_ago, before, today = (make.make_paid_packet(Kind.EQUAL, 2, "44.44", now=at) for at in ago)
    day = timezone.localtime(long_ago.pay_time)

    def of(text):
        page = listed(support, text)
        return [p for p in (today, before, long_ago) if p.public_id in page]

    assert of("88.88 昨天") == of("yesterday ￥88.88") == [before]
    assert of("今天 88.88元") == [today]
    assert of(f"{day:%Y-%m-%d} 88.88") == of(f"88.88 {day:%Y/%m/%d}") == [long_ago]
    assert of(f"88.88 {day.month}月{day.day}日") == [long_ago]
    assert of("88.88") == [today, before]
    assert of("88.8") == []


def test_a_packet_paid_long_after_it_was_made_is_of_the_day_of_its_payment(support):
    """Its key is of the day before: the keys of a day reach back as far as a draft may wait."""
    noon = timezone.now() - timedelta(days=3)
    make.make_paid_packet(Kind.EQUAL, 1, "1.00", now=noon - timedelta(days=5))
    packet = make.make_packet(Kind.EQUAL, 1, "7.77", now=noon - timedelta(hours=20))
    make.make_paid_packet(Kind.EQUAL, 1, "1.00", now=noon - timedelta(minutes=1))
    make.make_wallet("alice", "7.77")
    pay.by_balance(public_id=packet.public_id, caller=Caller("alice"), now=noon)

    assert packet.public_id in listed(support, f"7.77 {timezone.localtime(noon):%Y-%m-%d}")


def test_orders_of_an_amount(support):
    order, _ = stories.topped_up_twice(timezone.now())

    assert order.order_no in listed(support, f"{order.amount} 今天")


def test_parts_of_numbers(support):
    order, _ = stories.topped_up_twice(timezone.now())
    packet = make.make_paid_packet(Kind.EQUAL, 1, "1.00")

    assert packet.public_id in listed(support, packet.public_id[:16])
    assert packet.public_id in listed(support, packet.public_id[-6:])
    assert order.order_no in listed(support, order.order_no[:20])
    assert order.order_no in listed(support, order.trade_no[-5:])
    assert "/wallet/alice/" in listed(support, "alic")


def test_accounts_by_name(support):
    clearing = goes_to(support, "clearing:alipay")

    assert clearing == "/admin/wallets/ledgerline/?q=clearing%3Aalipay"
    support.cookies["django_language"] = "zh-hans"
    assert goes_to(support, "挂账") == "/admin/wallets/ledgerline/?q=suspense"


def test_what_a_request_did(support):
    """By the number that its caller was told: X-Request-ID, or request_id of a refusal."""
    packet = make.make_paid_packet()
    record = {"status": 201, "created_at": timezone.now(), "caller": "alice"}
    IdempotencyRecord.objects.create(
        key="k1", request_id="req-1", body={"id": packet.public_id}, **record
    )
    IdempotencyRecord.objects.create(key="k2", request_id="req-2", body={}, **record)

    assert goes_to(support, "req-1") == desk.page_of(packet)
    assert goes_to(support, "req-2") == "/admin/wallets/wallet/alice/change/"


def test_what_was_tried_is_said(support, maker):
    page = listed(support, "no such thing")

    for tried in ("Nicknames that begin so", "Red packets", "Packets of an amount", "Requests"):
        assert f"<li>{tried}</li>" in page
    assert "Refunds whose number begins so" not in page
    assert "Refunds whose number begins so" in listed(maker, "no such thing")
