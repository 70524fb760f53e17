"""A channel's merchant changes, with his keys, while orders are open: each ends with its own."""

import json
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from payments import bills, reconcile
from payments.channels import config
from payments.merchants import billed
from payments.models import Bill, Case, Notification, PaymentOrder
from payments.states import PAY_TYPE_OF, PayType
from sandbox import keys, notices
from sandbox.models import SandboxNotice
from tests.flows.channels.signer import WeChat, alipay, fields_of, unionpay, wechat
from tests.flows.channels.story import Shop, money
from tests.flows.channels.test_misfits import give_back, the_case
from tests.flows.channels.test_notices import REFUSED, TAKEN, post

# What the new merchant is called, and which files are his own; UnionPay's chain is everybody's.
NEW = {
    "alipay": {"app_id": "2021000000000777", "seller_id": "2088000000000777"},
    "wechat": {
        "appid": "wx0000000000000777",
        "mchid": "1900000777",
        "apiv3_key": "n" * 32,
        "merchant_cert_serial": "77" * 20,
        "public_key_id": "PUB_KEY_ID_0119000007772026",
        "platform_cert_serial": "5A" * 20,
    },
    "unionpay": {"mer_id": "777290000000777", "merchant_cert_id": "77700777"},
}
FILES = {
    "alipay": ("app_private_key_file", "alipay_public_key_file"),
    "wechat": ("merchant_private_key_file", "public_key_file", "platform_cert_file"),
    "unionpay": ("merchant_pfx_file",),
}


@dataclass
class Merchants:
    file: Path
    new: Path  # the folder of the new ones' keys

    def change(self, word: str, *, keep: bool = True) -> None:
        """Another merchant, with new keys on both sides; the one of before is kept as former."""
        found = json.loads(self.file.read_text())
        folder, before = self.file.parent, dict(found[word])
        for name in FILES[word]:
            own = folder / before[name]
            before[name] = f"before_{own.name}"
            shutil.move(own, folder / before[name])
        for half in folder.glob(f"{word}_platform*_private.pem"):
            shutil.move(half, folder / f"before_{half.name}")
        found[word] |= NEW[word] | ({"former": [before]} if keep else {})
        self.file.write_text(json.dumps(found))
        copy_missing(self.new, folder)
        config.kept.forget()


def copy_missing(source: Path, folder: Path, but: tuple[str, ...] = ()) -> None:
    for file in source.iterdir():
        if not (folder / file.name).exists() and file.name not in but:
            shutil.copy(file, folder)


@pytest.fixture(scope="session")
def new_keys(made_keys, tmp_path_factory) -> Path:
    """Those of every channel's new merchant, on both sides: made once, they take long."""
    found, file = (
        json.loads(made_keys.read_text()),
        tmp_path_factory.mktemp("new") / "channels.json",
    )
    own = [found[word][name] for word, names in FILES.items() for name in names]
    for word, called in NEW.items():
        found[word] |= called
    file.write_text(json.dumps(found))
    copy_missing(made_keys.parent, file.parent, but=(*own, *keys.PRIVATE_OF))
    keys.make(file)
    return file.parent


@pytest.fixture
def merchants(channels_file, new_keys) -> Merchants:
    return Merchants(channels_file, new_keys)


def made_with(order: dict) -> str:
    return PaymentOrder.objects.get(order_no=order["order_no"]).merchant


def test_an_order_of_before_is_paid_and_confirmed(shop, merchants):
    packet = shop.draft()
    order = shop.pay(packet)
    merchants.change(shop.word)

    told = shop.paid(order, inside=True)

    assert told["notices"][0]["acknowledged"] is True
    assert shop.order(order)["status"] == "confirmed"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")
    notice = Notification.objects.get()
    assert (notice.outcome, notice.merchant) == ("confirmed", made_with(order))


def test_an_order_of_before_is_asked_about_by_its_own_keys(shop, merchants):
    packet = shop.draft()
    order = shop.pay(packet)
    shop.paid(order, notify=False)
    shop.report(order)
    merchants.change(shop.word)

    shop.chase(order, PaymentOrder.objects.get().chase_at)

    assert shop.order(order)["status"] == "confirmed"


def test_without_the_keys_of_before_nothing_is_heard_and_nothing_is_lost(shop, merchants):
    packet = shop.draft()
    order = shop.pay(packet)
    shop.paid(order, notify=False)
    shop.report(order)
    merchants.change(shop.word, keep=False)

    shop.chase(order, PaymentOrder.objects.get().chase_at)

    assert shop.order(order)["status"] == "reported"  # asked again, once the keys are back


def test_money_of_before_goes_back_by_its_own_keys(shop, merchants):
    packet = shop.draft()
    order = shop.pay(packet)
    told = shop.paid(order, amount="5.99", inside=True)
    merchants.change(shop.word)
    assert the_case() == ("wrong_amount", "5.99", told["trade_no"])

    give_back(shop)

    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")


def test_a_new_order_is_made_by_the_new_merchant(shop, merchants):
    before = shop.pay(shop.draft())
    merchants.change(shop.word)
    packet = shop.draft()
    after = shop.pay(packet)

    shop.paid(after, inside=True)

    assert made_with(before) != made_with(after)
    known = next(iter(NEW[shop.word].values()))
    assert known in made_with(after)
    assert shop.order(after)["status"] == "confirmed"


def test_an_order_of_before_is_closed_by_its_own_keys(shop, merchants):
    order = shop.pay(shop.draft())
    shop.paid(order, pay=False, notify=False)  # the payer looks, and goes away
    merchants.change(shop.word)
    ends = PaymentOrder.objects.get()
    over = ends.expire_time + (ends.expire_time - ends.add_time)

    shop.chase(order, over)

    closes = shop.word != "unionpay"  # its time-out, by its own clock, is still to come
    assert shop.order(order)["status"] == ("closed" if closes else "created")
    assert shop.trade(order)["state"] == ("closed" if closes else "open")


def by_the_new_merchant(shop: Shop, message, ids: bool):
    """The genuine notification, signed by the new merchant's channel; `ids`: and in his name."""
    new = NEW[shop.word]
    if shop.word == "wechat":
        said = json.loads(message)
        mine = {name: new[name] for name in ("appid", "mchid")} if ids else {}
        return wechat(WeChat(said["envelope"], said["inside"] | mine).body())
    names = {"app_id", "seller_id"} if shop.word == "alipay" else {"mer_id"}
    called = {"mer_id": "merId"}
    mine = {called.get(name, name): new[name] for name in names} if ids else {}
    return (alipay if shop.word == "alipay" else unionpay)(fields_of(message) | mine)


def told_by_the_sandbox(shop: Shop, order: dict) -> bytes:
    """As the channel of the merchant of before would say it; of WeChat Pay's, what is in it."""
    shop.paid(order, lag_s=60)
    notice = SandboxNotice.objects.select_related("trade", "refund").latest("pk")
    _, body = notices.PLAYS[PAY_TYPE_OF[shop.word]].notification(notice, timezone.now())
    if shop.word == "wechat":
        opened = WeChat.of(body)
        return json.dumps({"envelope": opened.envelope, "inside": opened.inside}).encode()
    return body


@pytest.mark.parametrize("flavour", ["alipay", "wechat-pubkey"])
def test_an_order_of_before_signed_by_the_new_merchants_keys_is_a_forgery(
    shops, merchants, flavour
):
    """UnionPay signs for all merchants by one certificate: there the name alone tells."""
    shop = shops(flavour)
    packet = shop.draft()
    order = shop.pay(packet)
    message = told_by_the_sandbox(shop, order)
    merchants.change(shop.word)

    answer = post(shop, by_the_new_merchant(shop, message, ids=False))

    assert (answer.status_code, answer.content) == REFUSED[shop.word]
    assert Notification.objects.get().outcome == "forged"
    assert shop.order(order)["status"] == "created"
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")


def test_what_the_new_merchant_says_of_an_order_of_before_never_pays_it(shop, merchants):
    """Genuine, and not this order's: his money waits in suspense, and goes back by his keys."""
    packet = shop.draft()
    order = shop.pay(packet)
    message = told_by_the_sandbox(shop, order)
    merchants.change(shop.word)

    for _ in range(2):
        answer = post(shop, by_the_new_merchant(shop, message, ids=True))
        assert (answer.status_code, answer.content) == TAKEN[shop.word]

    assert Case.objects.get().kind == "unknown_order"
    assert shop.order(order)["status"] == "created"
    assert money(packet, shop.word) == ("0.00", "6.00", "6.00")
    assert next(iter(NEW[shop.word].values())) in Notification.objects.latest("pk").merchant


# --- Bills
def two_days_work(shop: Shop, merchants: Merchants, *, keep: bool) -> tuple[PayType, date]:
    """One payment by each merchant, on the same day of the channel's."""
    for change in (True, False):
        shop.paid(shop.pay(shop.draft()), inside=True)
        if change:
            merchants.change(shop.word, keep=keep)
    pay_type = PAY_TYPE_OF[shop.word]
    first, last = PaymentOrder.objects.order_by("pk").values_list("paid_at", flat=True)
    day = bills.day_of(pay_type, last)
    if bills.day_of(pay_type, first) != day:
        pytest.skip("the channel's day ended between the two")
    return pay_type, day


def test_the_bills_of_both_merchants_are_compared(shop, merchants):
    pay_type, day = two_days_work(shop, merchants, keep=True)

    contents = reconcile.download(pay_type=pay_type, day=day)
    found = reconcile.reconcile(
        pay_type=pay_type, day=day, content=contents, now=timezone.now() + timedelta(days=2)
    )

    assert (len(contents), found.rows, found.matched, found.differences) == (2, 2, 2, [])
    assert Bill.objects.get(day=day).total == Decimal("12.00")
    assert set(PaymentOrder.objects.values_list("billed_on", flat=True)) == {day}


def test_only_the_new_merchants_bill_leaves_the_others_payment_missing(shop, merchants):
    """What the keys of before are kept for."""
    pay_type, day = two_days_work(shop, merchants, keep=False)

    contents = reconcile.download(pay_type=pay_type, day=day)
    found = reconcile.reconcile(
        pay_type=pay_type, day=day, content=contents, now=timezone.now() + timedelta(days=2)
    )

    assert (len(contents), found.matched) == (1, 1)
    before = PaymentOrder.objects.order_by("pk").first()
    assert before.billed_on is None


def test_an_account_that_is_long_closed_is_asked_for_no_bill(shop, merchants):
    pay_type, day = two_days_work(shop, merchants, keep=True)

    def asked(about: date) -> list[str]:
        return [found.channel.merchant for found in billed(pay_type, about)]

    both = list(PaymentOrder.objects.order_by("-pk").values_list("merchant", flat=True))
    assert asked(day) == both
    assert asked(day + timedelta(days=3)) == both
    assert [found.is_sure for found in billed(pay_type, day + timedelta(days=3))] == [True, False]
    assert asked(day + timedelta(days=33)) == both[:1]
