"""What is signed: notices are believed by it alone, and the other implementation agrees."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.utils import rsa_sign, rsa_verify

from payments.channels import base, wechat, wire
from payments.states import Scene
from payments.tests.channel_case import order, wanted
from payments.tests.test_channels_wechat import AUTHORIZATION, PAID, heard, reconfigure, says
from payments.tests.test_channels_wechat import pay as pay
from testing import other_side as side

pytestmark = pytest.mark.once


# --- Notifications ------------------------------------------------------------------------------
def test_a_genuine_payment_is_understood(pay):
    assert heard(pay, side.wechat_body(side.wechat_transaction())) == PAID


def test_either_key_is_believed_under_its_own_serial(pay):
    """While a merchant moves from certificate to public key, both come."""
    body = side.wechat_body(side.wechat_transaction())
    cert = side.serial(side.platform())

    assert heard(pay, body, side.wechat_headers(body, by="wechat-cert", named=cert)) == PAID
    for by, named in (("wechat", cert), ("wechat-cert", pay.settings.public_key_id)):
        with pytest.raises(base.Forged, match="does not hold"):
            heard(pay, body, side.wechat_headers(body, by=by, named=named))


def test_only_what_is_configured_is_believed(keys):
    body = side.wechat_body(side.wechat_transaction())
    cert = side.serial(side.platform())

    pubkey = reconfigure(keys, platform_cert_file=None, platform_cert_serial=None)
    with pytest.raises(base.Forged, match="unknown serial"):
        heard(pubkey, body, side.wechat_headers(body, by="wechat-cert", named=cert))
    by_cert = reconfigure(
        keys,
        mode="cert",
        public_key_id=None,
        public_key_file=None,
        platform_cert_file="wechat_platform_cert.pem",
        platform_cert_serial=cert,
    )
    with pytest.raises(base.Forged, match="unknown serial"):
        heard(by_cert, body)
    assert heard(by_cert, body, side.wechat_headers(body, by="wechat-cert", named=cert)) == PAID


def test_an_expired_platform_certificate_is_not_believed(pay):
    later = datetime(2056, 1, 2, tzinfo=UTC)
    body = side.wechat_body(side.wechat_transaction())
    headers = side.wechat_headers(
        body, by="wechat-cert", named=side.serial(side.platform()), at=later
    )

    with pytest.raises(base.Forged, match="not valid now"):
        heard(pay, body, headers, now=later)


@pytest.mark.parametrize(
    ("off_s", "holds"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_five_minutes(pay, off_s, holds):
    body = side.wechat_body(side.wechat_transaction())
    headers = side.wechat_headers(body, at=side.NOW + timedelta(seconds=off_s))

    if holds:
        assert heard(pay, body, headers) == PAID
    else:
        with pytest.raises(base.Forged, match="five minutes"):
            heard(pay, body, headers)


def test_the_probe_fails(pay):
    body = side.wechat_body(side.wechat_transaction())
    headers = side.wechat_headers(body)
    probe = {"wechatpay-signature": "WECHATPAY/SIGNTEST/" + headers["wechatpay-signature"][19:]}

    with pytest.raises(base.Forged, match="probe"):
        heard(pay, body, {**headers, **probe})
    assert pay.acknowledge(accepted=False).status == 400


@pytest.mark.parametrize("name", list(side.wechat_headers(b"")))
def test_every_header_counts(pay, name):
    body = side.wechat_body(side.wechat_transaction())
    genuine = side.wechat_headers(body)
    flipped = "1" if genuine[name][-1] != "1" else "2"

    with pytest.raises(base.Forged):
        heard(pay, body, {**genuine, name: genuine[name][:-1] + flipped})
    if name != "wechatpay-signature-type":  # older notifications come without it
        with pytest.raises(base.Forged):
            heard(pay, body, {key: value for key, value in genuine.items() if key != name})


def test_the_signature_type_may_be_missing(pay):
    body = side.wechat_body(side.wechat_transaction())
    headers = side.wechat_headers(body)
    del headers["wechatpay-signature-type"]

    assert heard(pay, body, headers) == PAID


def test_a_stranger_signs(pay):
    body = side.wechat_body(side.wechat_transaction())

    with pytest.raises(base.Forged, match="does not hold"):
        heard(pay, body, side.wechat_headers(body, by="stranger"))
    with pytest.raises(base.Forged, match="does not hold"):
        heard(pay, body + b" ", side.wechat_headers(body))


AMOUNT = side.wechat_transaction()["amount"]


@pytest.mark.parametrize(
    "changes",
    [
        {"mchid": "1900000002"},
        {"appid": "wx2"},
        {"out_trade_no": ""},
        {"out_trade_no": None},
        {"out_trade_no": 5},
        {"transaction_id": "x" * 65},
        {"amount": None},
        {"amount": 1234},
        {"amount": {**AMOUNT, "currency": "USD"}},
        {"amount": {"total": 1234}},
        {"amount": {**AMOUNT, "total": "1234"}},
        {"amount": {**AMOUNT, "total": 12.34}},
        {"amount": {**AMOUNT, "total": True}},
        {"amount": {**AMOUNT, "total": 0}},
        {"amount": {**AMOUNT, "total": -1}},
        {"amount": {**AMOUNT, "total": 10**30}},
    ],
)
def test_a_genuine_signature_under_nonsense_is_refused(pay, changes):
    with pytest.raises(base.Forged):
        heard(pay, side.wechat_body(side.wechat_transaction(**changes)))


@pytest.mark.parametrize(
    "body",
    [
        side.wechat_body(side.wechat_transaction(), algorithm="AEAD_SM4_GCM"),
        side.wechat_body(side.wechat_transaction(), nonce="000000000000"),
        side.wechat_body(side.wechat_transaction(), nonce=""),
        side.wechat_body(side.wechat_transaction(), nonce=5),
        side.wechat_body(side.wechat_transaction(), nonce="\ud800"),
        side.wechat_body(side.wechat_transaction(), associated_data="refund"),
        side.wechat_body(side.wechat_transaction(), ciphertext="not base64"),
        side.wechat_body(side.wechat_transaction(), **side.wechat_seal(b"{}", secret="x" * 32)),
        side.wechat_body(b"[]"),
        side.wechat_body(b"\xff"),
        side.wechat_body(b'{"mchid":"1900000001","mchid":"1900000001"}'),
        side.wechat_body(b'{"a":' * 5000),
        side.wechat_body(b'{"mchid":' + b"9" * 5000 + b"}"),
        b'{"event_type":"TRANSACTION.SUCCESS"}',
        b'{"event_type":5,"resource":{}}',
        b"[" * 20000,
        b"",
    ],
)
def test_what_cannot_be_opened_is_refused(pay, body):
    with pytest.raises(base.Forged):
        heard(pay, body)


@pytest.mark.parametrize(("status", "state"), list(wechat.REFUND_STATES.items()))
def test_what_tells_of_a_refund_names_it(pay, status, state):
    refunded = {
        "mchid": "1900000001",
        "out_trade_no": "hb0001",
        "transaction_id": "4200",
        "out_refund_no": "rf1",
        "refund_status": status,
        "success_time": "2026-11-25T12:10:00+08:00",
        "amount": {"total": 1234, "refund": 234, "payer_total": 1234, "payer_refund": 234},
    }
    at = wire.instant("2026-11-25T12:10:00+08:00")

    said = heard(pay, side.wechat_body(refunded, f"REFUND.{status}"))

    answer = base.RefundAnswer(state, status, at)
    assert said == base.Returned(
        "hb0001", "4200", f"REFUND.{status}", "rf1", answer, Decimal("2.34")
    )


def test_what_tells_of_no_payment_is_noted(pay):
    unpaid = side.wechat_transaction(trade_state="NOTPAY")

    assert heard(pay, side.wechat_body(unpaid)) == base.Noted(
        "hb0001", PAID.trade_no, "trade_state NOTPAY"
    )


def test_the_acknowledgements(pay):
    assert (pay.acknowledge(accepted=True).status, pay.acknowledge(accepted=True).body) == (
        204,
        b"",
    )
    refused = pay.acknowledge(accepted=False)
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "FAIL")


# --- The other implementation -------------------------------------------------------------------
@pytest.fixture
def sdk(pay):
    return WeChatPay(
        wechatpay_type=WeChatPayType.APP,
        mchid="1900000001",
        private_key=side.private_pem("wechat-merchant").decode(),
        cert_serial_no="ABCDEF0123456789",
        apiv3_key=side.APIV3_KEY,
        appid="wx0000000000000001",
        public_key=side.public_pem("wechat").decode(),
        public_key_id="PUB_KEY_ID_0119000000012026",
    )


def test_the_other_implementation_agrees_on_notifications(pay, sdk):
    body = side.wechat_body(side.wechat_transaction())
    genuine = side.wechat_headers(body)
    names = {
        f"Wechatpay-{name.removeprefix('wechatpay-').title()}": value
        for name, value in genuine.items()
    }
    signed = f"{genuine['wechatpay-timestamp']}\n{genuine['wechatpay-nonce']}\n{body.decode()}\n"
    by_them = {**genuine, "wechatpay-signature": rsa_sign(side.key("wechat"), signed)}

    assert sdk.callback(names, body.decode())["resource"] == side.wechat_transaction()
    assert heard(pay, body, by_them) == PAID


def test_the_other_implementation_makes_the_same_app_signature(pay, sdk, there):
    says(there, 200, {"prepay_id": "wx25110000"})

    params = pay.create(order(), wanted())

    parts = [params["appid"], params["timestamp"], params["noncestr"], params["prepayid"]]
    assert params["sign"] == sdk.sign(parts)
    assert params["package"] == "Sign=WXPay"
    assert params["partnerid"] == "1900000001"


def test_the_other_implementation_verifies_our_requests(pay, there):
    says(there, 200, {"code_url": "weixin://wxpay/bizpayurl?pr=1"})

    pay.create(order(), wanted(Scene.NATIVE))

    asked = there.asked[0]
    nonce, stamp, signature = AUTHORIZATION.fullmatch(asked.headers["authorization"]).groups()
    head = f"POST\n{asked.path}\n{stamp}"
    public = side.key("wechat-merchant").public_key()
    assert rsa_verify(head, nonce, asked.body.decode(), signature, public) is True
    assert rsa_verify(head, nonce, asked.body.decode() + " ", signature, public) is False
