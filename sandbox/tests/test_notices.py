"""Delivery: lag, repeats on the channel's schedule, forgeries, disorder."""

import json
import threading
from base64 import b64decode
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils import timezone

from kit import pause
from payments.states import PayType
from sandbox import control, manners, notices, trades
from sandbox.models import SandboxNotice, SandboxTrade, TradeState

pytestmark = pytest.mark.once

NOW = timezone.now()
ACKNOWLEDGED = {
    PayType.ALIPAY: (200, b"success"),
    PayType.WECHAT: (204, b""),
    PayType.UNIONPAY: (200, b"ok"),
}
REFUSED = {
    PayType.ALIPAY: (200, b"fail"),
    PayType.WECHAT: (500, b'{"code":"FAIL","message":"no"}'),
    PayType.UNIONPAY: (503, b""),
}


@pytest.fixture
def order(channels_file, merchant):
    def run(pay_type: PayType = PayType.ALIPAY, **more):
        asked = {"txnTime": "20260101000000", "merId": "1", "orderId": "rp000001"}
        fields = {
            "pay_type": pay_type,
            "order_no": "rp000001",
            "amount_fen": 1234,
            "scene": "app",
            "subject": "红包",
            "asked": asked if pay_type == PayType.UNIONPAY else {},
            "notify_url": merchant.url,
            "return_url": "",
            "expires_at": None,
        }
        return trades.open_trade(order=SandboxTrade(**fields | more), now=NOW)

    return run


def _pay(trade, **wish):
    return control.pay(trade=trade, wish=control.Wish(**{"lag_s": 60.0, **wish}), now=NOW)


def _in(seconds: float):
    return NOW + timedelta(seconds=seconds)


def test_a_notification_waits_for_its_lag(order, merchant):
    _pay(order())

    assert notices.deliver_due(now=_in(59)) == 0
    assert merchant.got == []
    assert notices.deliver_due(now=_in(61)) == 1
    assert len(merchant.got) == 1
    assert notices.deliver_due(now=_in(10**6)) == 0


@pytest.mark.parametrize("pay_type", notices.SCHEDULES)
def test_it_comes_again_on_the_channels_schedule_until_acknowledged(
    pay_type, order, merchant, settings
):
    settings.REDPACKET_SANDBOX_SPEED = 1
    merchant.answers = [REFUSED[pay_type], REFUSED[pay_type], ACKNOWLEDGED[pay_type]]
    _pay(order(pay_type))
    waits = []

    for tries in (1, 2, 3):
        before = timezone.now()
        notice = SandboxNotice.objects.get()
        notices.deliver_due(now=before, only=[notice.pk])
        notice.refresh_from_db()
        assert notice.tries == tries
        waits.append(notice.next_at and round((notice.next_at - before).total_seconds(), -1))

    first, second = (round(seconds, -1) for seconds in notices.SCHEDULES[pay_type][:2])
    assert waits == [first, second, None]
    assert notice.acknowledged_at is not None
    assert len(merchant.got) == 3


def test_it_is_given_up_after_the_last_repeat(order, merchant):
    merchant.answers = [REFUSED[PayType.UNIONPAY]]
    _pay(order(PayType.UNIONPAY))
    pk = SandboxNotice.objects.get().pk

    for _ in range(7):
        notices.deliver_due(now=timezone.now(), only=[pk])

    notice = SandboxNotice.objects.get()
    assert (notice.tries, notice.next_at, notice.acknowledged_at) == (5, None, None)
    assert len(merchant.got) == 5


def test_the_schedule_is_compressed(order, merchant, settings):
    settings.REDPACKET_SANDBOX_SPEED = 240
    merchant.answers = [(500, b"")]
    _pay(order())
    before = timezone.now()

    notices.deliver_due(now=before, only=[SandboxNotice.objects.get().pk])

    assert SandboxNotice.objects.get().next_at < before + timedelta(seconds=10)


def test_what_another_deliverer_has_claimed_is_not_sent_twice(order, merchant, monkeypatch):
    _pay(order())
    stale = SandboxNotice.objects.get()

    assert notices.claim(SandboxNotice.objects.get(), NOW) is True
    assert notices.claim(stale, NOW) is False


def test_what_another_deliverer_has_claimed_is_sent_twice_without_the_guard(
    order, merchant, monkeypatch
):
    _pay(order())
    pk = SandboxNotice.objects.get().pk
    monkeypatch.setattr(notices, "claim", lambda notice, now: True)

    def deliver():
        notices.deliver_due(now=_in(61), only=[pk])

    with pause.at("notices: has claimed what is due", deliver):
        deliver()

    assert len(merchant.got) == 2


def test_identical_ones_share_their_id_and_come_at_once(order, merchant):
    merchant.all_here = threading.Barrier(20)
    _pay(order(), times=20)

    assert notices.deliver_due(now=_in(61)) == 20

    said = {parse_qs(body.decode())["notify_id"][0] for _, body in merchant.got}
    assert (len(merchant.got), len(said)) == (20, 1)


def test_inside_means_before_the_answer(order, merchant):
    done = _pay(order(), inside=True)

    assert len(merchant.got) == 1
    assert SandboxNotice.objects.get(pk=done.notices[0]).acknowledged_at is not None


def test_nobody_is_told_when_nobody_shall_be(order, merchant):
    _pay(order(), notify=False)

    assert (SandboxNotice.objects.count(), merchant.got) == (0, [])


def test_out_of_order_an_older_word_comes_last(order, merchant):
    _pay(order(), out_of_order=True, inside=True)

    said = [parse_qs(body.decode())["trade_status"][0] for _, body in merchant.got]
    assert said == ["TRADE_SUCCESS", "WAIT_BUYER_PAY"]


def test_another_amount_is_genuine(order, merchant, channels_file):
    _pay(order(), amount_fen=1, inside=True)

    fields = dict(parse_qsl(merchant.got[0][1].decode()))
    assert fields["total_amount"] == "0.01"
    _check_alipay(fields, channels_file)


def test_a_forgery_needs_no_payment_and_is_not_repeated(order, merchant, channels_file):
    merchant.answers = [(200, b"fail")]
    trade = order()

    _pay(trade, pay=False, forge=("wrong_key",), inside=True)

    fields = dict(parse_qsl(merchant.got[0][1].decode()))
    with pytest.raises(InvalidSignature):
        _check_alipay(fields, channels_file)
    trade.refresh_from_db()
    assert (trade.state, SandboxNotice.objects.get().next_at) == (TradeState.OPEN, None)


def test_fields_are_changed_dropped_and_doubled(order, merchant, channels_file):
    spoil = ("set:total_amount=99.00", "drop:seller_id", "double:out_trade_no")

    _pay(order(), forge=spoil, inside=True)

    fields = parse_qs(merchant.got[0][1].decode())
    assert fields["total_amount"] == ["99.00"]
    assert "seller_id" not in fields
    assert fields["out_trade_no"] == ["rp000001", "rp000001"]


def test_another_word_may_be_signed(order, merchant, channels_file):
    _pay(order(), forge=("say:app_id=2021000000000000",), inside=True)

    fields = dict(parse_qsl(merchant.got[0][1].decode()))
    assert fields["app_id"] == "2021000000000000"
    _check_alipay(fields, channels_file)


def test_unknown_forgeries_are_refused():
    with pytest.raises(manners.Unfit, match="unknown forgery 'nonsense'"):
        control.Wish(forge=("nonsense",))


@pytest.mark.parametrize(
    ("forgery", "signature_holds", "opens"),
    [
        ("say:amount.total=1", True, True),
        ("wrong_key", False, True),
        ("signtest", False, True),
        ("set:amount.total=1", False, True),
        ("drop:mchid", False, True),
        ("double:out_trade_no", False, True),
        ("drop:body.event_type", False, True),
        ("wrong_aes", True, False),
        ("stale", True, True),
        ("wrong_serial", True, True),
    ],
)
def test_wechats_forgeries(
    order, merchant, channels, channels_file, forgery, signature_holds, opens
):
    _pay(order(PayType.WECHAT), forge=(forgery,), inside=True)

    [(headers, body)] = merchant.got
    assert _holds(headers, body, channels_file) is signature_holds
    resource = json.loads(body)["resource"]
    sealed = [resource[name] for name in ("nonce", "ciphertext", "associated_data")]
    key = AESGCM(channels["wechat"]["apiv3_key"].encode())
    try:
        plain = key.decrypt(sealed[0].encode(), b64decode(sealed[1]), sealed[2].encode())
    except InvalidTag:
        plain = None
    assert (plain is not None) is opens
    if ".total" in forgery:
        assert json.loads(plain)["amount"]["total"] == 1
    if forgery == "double:out_trade_no":
        assert plain.count(b'"out_trade_no":"rp000001"') == 2
    is_fresh = abs(int(headers["Wechatpay-Timestamp"]) - timezone.now().timestamp()) < 300
    assert is_fresh is (forgery != "stale")
    is_ours = headers["Wechatpay-Serial"] == channels["wechat"]["public_key_id"]
    assert is_ours is (forgery != "wrong_serial")


def test_a_payment_is_on_its_way_until_it_arrives(order):
    trade = order()

    _pay(trade, arrives_s=60.0, notify=False)

    assert trades.as_of(trade=trade, now=_in(59)).state == TradeState.ARRIVING
    assert trades.as_of(trade=trade, now=_in(60)).state == TradeState.PAID


def test_closing_turns_back_what_is_on_its_way(order):
    trade = order()
    _pay(trade, arrives_s=60.0, notify=False)

    trades.close(trade=trade, now=_in(30))

    assert trades.as_of(trade=trade, now=_in(61)).state == TradeState.CLOSED


def test_of_two_payers_one_wins(order):
    trade, twin = order(), order()

    _pay(trade, notify=False)

    with pytest.raises(trades.NotPayable):
        _pay(twin, notify=False)


def _check_alipay(fields: dict, channels_file) -> None:
    used = {name: value for name, value in fields.items() if name not in ("sign", "sign_type")}
    text = "&".join(f"{name}={value}" for name, value in sorted(used.items()))
    public = _public(channels_file, "alipay_platform_public.pem")
    public.verify(b64decode(fields["sign"]), text.encode(), PKCS1v15(), hashes.SHA256())


def _holds(headers: dict, body: bytes, channels_file) -> bool:
    message = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode()
    public = _public(channels_file, "wechat_platform_public.pem")
    try:
        signature = b64decode(headers["Wechatpay-Signature"])
        public.verify(signature, message + body + b"\n", PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _public(channels_file, name: str):
    return serialization.load_pem_public_key((channels_file.parent / name).read_bytes())
