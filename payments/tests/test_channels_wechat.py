import base64
import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from payments.channels import base, config, registry, wechat, wire
from payments.states import PayType, Scene
from payments.tests.channel_case import HOSTILE, assert_clean, order, refund, wanted
from testing import other_side as side

pytestmark = pytest.mark.once

PAID = base.Payment(
    PayType.WECHAT,
    "hb0001",
    "4200000000202611250000000001",
    Decimal("12.34"),
    wire.instant("2026-11-25T11:59:58+08:00"),
    merchant="1900000001:wx0000000000000001",
)
AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="(\w+)",timestamp="(\d+)",'
    r'serial_no="ABCDEF0123456789",signature="([^"]+)"'
)


@pytest.fixture
def pay(keys):
    return registry.channel(PayType.WECHAT)


def heard(pay, body, headers=None, now=side.NOW):
    return pay.notice(base.Notice(body, headers or side.wechat_headers(body)), now)


def says(there, status: int, content: dict | bytes, **how):
    """The other side answers so, signed now."""

    def answer(asked):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return status, side.wechat_headers(body, at=timezone.now(), **how), body

    there.answer = answer


def reconfigure(keys, **changes):
    """WeChat Pay's settings with these changed (None: left out)."""
    file = keys / "channels.json"
    found = json.loads(file.read_text())
    changed = {**found["wechat"], **changes}
    found["wechat"] = {name: value for name, value in changed.items() if value is not None}
    file.write_text(json.dumps(found))
    config.kept.forget()
    return registry.channel(PayType.WECHAT)


# --- Orders -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scene", "answer", "params"),
    [
        (Scene.NATIVE, {"code_url": "weixin://x"}, {"code_url": "weixin://x"}),
        (
            Scene.H5,
            {"h5_url": "https://wx.example/h5?prepay_id=1"},
            {
                "h5_url": "https://wx.example/h5?prepay_id=1"
                "&redirect_url=https%3A%2F%2Fpay.example%2Fback%3Fa%3D1"
            },
        ),
    ],
)
def test_create(pay, there, scene, answer, params):
    says(there, 200, answer)

    assert pay.create(order(), wanted(scene)) == params
    said = json.loads(there.asked[0].body)
    assert there.asked[0].path == f"/v3/pay/transactions/{scene.value}"
    assert there.asked[0].headers["wechatpay-serial"] == "PUB_KEY_ID_0119000000012026"
    assert said["amount"] == {"total": 1234, "currency": "CNY"}
    assert said["time_expire"] == "2026-11-25T12:14:40+08:00"
    assert said.get("scene_info", {}).get("payer_client_ip") == (
        "203.0.113.7" if scene == Scene.H5 else None
    )


def test_create_is_refused(pay, there):
    says(there, 403, {"code": "RULE_LIMIT", "message": "业务规则限制"})

    with pytest.raises(base.Refused, match="RULE_LIMIT") as refused:
        pay.create(order(), wanted())
    assert not isinstance(refused.value, base.Reused)


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "OUT_TRADE_NO_USED"), (400, "ORDER_CLOSED"), (400, "INVALID_REQUEST")],
)
def test_a_number_that_was_used_with_other_words(pay, there, status, code):
    says(there, status, {"code": code, "message": "201 商户订单号重复"})

    with pytest.raises(base.Reused, match=code):
        pay.create(order(), wanted())


def test_the_description_is_clean_and_fits(pay, there):
    for hostile in HOSTILE:
        says(there, 200, {"code_url": "weixin://x"})
        pay.create(order(), wanted(Scene.NATIVE, hostile))
        said = json.loads(there.asked[-1].body)["description"]
        assert_clean(said, 127)


def test_a_page_ends_before_its_order(pay):
    assert [pay.ends_early(scene) for scene in (Scene.APP, Scene.H5, Scene.NATIVE)] == [
        False,
        True,
        False,
    ]


def test_an_answer_that_is_a_probe_is_asked_for_again(pay, there):
    """Now and then WeChat Pay signs an answer wrongly on purpose; the next one is genuine."""
    says(there, 200, {"code_url": "weixin://x"})
    genuine, probes = there.answer, []

    def probing(asked):
        status, headers, body = genuine(asked)
        if not probes:
            probes.append(asked)
            headers = {**headers, "wechatpay-signature": "WECHATPAY/SIGNTEST/" + "A" * 300}
        return status, headers, body

    there.answer = probing
    assert pay.create(order(), wanted(Scene.NATIVE)) == {"code_url": "weixin://x"}
    assert [json.loads(asked.body)["out_trade_no"] for asked in there.asked] == ["hb0001"] * 2


def test_nothing_but_probes_is_no_answer_and_no_refusal(pay, there):
    says(there, 403, {"code": "RULE_LIMIT"})
    genuine = there.answer

    def probing(asked):
        status, headers, body = genuine(asked)
        return status, {**headers, "wechatpay-signature": "WECHATPAY/SIGNTEST/AAAA"}, body

    there.answer = probing
    with pytest.raises(base.ChannelDown, match="probe"):
        pay.create(order(), wanted())
    assert len(there.asked) == 2


@pytest.mark.parametrize(
    ("status", "answer", "state"),
    [
        (200, side.wechat_transaction(), base.State.PAID),
        (200, {"trade_state": "NOTPAY"}, base.State.PENDING),
        (200, {"trade_state": "USERPAYING"}, base.State.PENDING),
        (200, {"trade_state": "CLOSED"}, base.State.CLOSED),
        (200, {"trade_state": "REVOKED"}, base.State.CLOSED),
        (200, side.wechat_transaction(trade_state="REFUND"), base.State.REFUNDED),
        (404, {"code": "ORDER_NOT_EXIST"}, base.State.UNKNOWN),
    ],
)
def test_query(pay, there, status, answer, state):
    says(there, status, answer)

    found = pay.query(order())

    assert found.state == state
    assert found.payment == (PAID if state == base.State.PAID else None)
    assert found.was_paid == (PAID if state == base.State.REFUNDED else None)
    assert there.asked[0].path == "/v3/pay/transactions/out-trade-no/hb0001?mchid=1900000001"


@pytest.mark.parametrize(
    ("status", "answer", "how"),
    [
        (200, side.wechat_transaction(), {"by": "stranger"}),
        (404, {"code": "ORDER_NOT_EXIST"}, {"by": "stranger"}),
        (200, side.wechat_transaction(mchid="1900000002"), {}),
        (200, side.wechat_transaction(out_trade_no="hb2"), {}),
        (200, {}, {}),
        (200, b"[]", {}),
        (403, {"code": "NO_AUTH"}, {}),
        (429, {"code": "FREQUENCY_LIMITED"}, {}),
        (500, {"code": "SYSTEM_ERROR"}, {}),
    ],
)
def test_answers_that_are_not_believed(pay, there, status, answer, how):
    says(there, status, answer, **how)

    with pytest.raises(base.ChannelDown):
        pay.query(order())


def test_an_old_or_unsigned_answer_is_not_believed(pay, there):
    body = json.dumps(side.wechat_transaction()).encode()
    old = side.wechat_headers(body, at=timezone.now() - timedelta(minutes=6))

    for headers in (old, {}):
        there.answer = lambda asked, headers=headers: (200, headers, body)
        with pytest.raises(base.ChannelDown):
            pay.query(order())


def test_close(pay, there):
    says(there, 204, b"")

    assert pay.close(order()).state == base.State.CLOSED
    assert there.asked[0].path == "/v3/pay/transactions/out-trade-no/hb0001/close"
    assert json.loads(there.asked[0].body) == {"mchid": "1900000001"}


def test_close_comes_too_late(pay, there):
    def answer(asked):
        is_close = asked.path.endswith("/close")
        content = {"code": "ORDERPAID"} if is_close else side.wechat_transaction()
        body = json.dumps(content).encode()
        headers = side.wechat_headers(body, at=timezone.now())
        return 400 if is_close else 200, headers, body

    there.answer = answer

    assert (pay.close(order()).state, pay.close(order()).payment) == (base.State.PAID, PAID)


@pytest.mark.parametrize(
    ("ended_s", "state"), [(-60, base.State.PENDING), (400, base.State.CLOSED)]
)
def test_an_order_that_never_came_there_is_closed_by_its_time_out(pay, there, ended_s, state):
    says(there, 404, {"code": "ORDER_NOT_EXIST"})
    ends = timezone.now() - timedelta(seconds=ended_s)

    found = pay.close(order(add_time=ends - timedelta(minutes=15), expire_time=ends))

    assert found.state == state


# --- Refunds and bills --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "answer", "state"),
    [
        (200, {"out_refund_no": "rf0001", "status": "SUCCESS"}, base.RefundState.DONE),
        (200, {"out_refund_no": "rf0001", "status": "PROCESSING"}, base.RefundState.PENDING),
        (200, {"out_refund_no": "rf0001", "status": "ABNORMAL"}, base.RefundState.PARKED),
        (200, {"out_refund_no": "rf0001", "status": "CLOSED"}, base.RefundState.FAILED),
        (403, {"code": "NOT_ENOUGH"}, base.RefundState.REFUSED),
    ],
)
def test_refund(pay, there, status, answer, state):
    says(there, status, answer)

    assert pay.refund(refund()).state == state
    said = json.loads(there.asked[0].body)
    assert said["amount"] == {"refund": 234, "total": 1234, "currency": "CNY"}
    assert (said["out_refund_no"], said["transaction_id"]) == ("rf0001", "T0001")


def test_query_of_a_refund(pay, there):
    says(there, 200, {"out_refund_no": "rf0001", "status": "SUCCESS"})
    assert pay.query_refund(refund()).state == base.RefundState.DONE

    says(there, 404, {"code": "RESOURCE_NOT_EXISTS"})
    assert pay.query_refund(refund()).state == base.RefundState.UNKNOWN

    says(there, 200, {"out_refund_no": "rf0002", "status": "SUCCESS"})
    with pytest.raises(base.ChannelDown):
        pay.query_refund(refund())


BILL = "交易时间\n`1".encode()


def bill_answers(there, url=None, digest=None, bill=BILL):
    def answer(asked):
        if asked.path.startswith("/v3/bill/tradebill"):
            value = digest or hashlib.sha1(bill).hexdigest()
            content = {"hash_type": "SHA1", "hash_value": value}
            content["download_url"] = url or f"{there.url}/v3/billdownload/file?token=t"
            body = json.dumps(content).encode()
            return 200, side.wechat_headers(body, at=timezone.now()), body
        return 200, {}, bill

    there.answer = answer
    return bill


def test_bill(pay, there):
    bill = bill_answers(there)

    assert pay.bill(date(2026, 11, 24)) == bill
    assert there.asked[0].path == "/v3/bill/tradebill?bill_date=2026-11-24&bill_type=ALL"
    assert there.asked[1].path == "/v3/billdownload/file?token=t"
    assert AUTHORIZATION.fullmatch(there.asked[1].headers["authorization"])


def test_a_bill_with_another_digest_or_from_elsewhere(pay, there):
    for wrong in ({"digest": "0" * 40}, {"url": "http://127.0.0.1:1/v3/bill"}):
        bill_answers(there, **wrong)
        with pytest.raises(base.ChannelDown):
            pay.bill(date(2026, 11, 24))


def test_no_bill(pay, there):
    says(there, 400, {"code": "NO_STATEMENT_EXIST"})

    with pytest.raises(base.Refused, match="NO_STATEMENT_EXIST"):
        pay.bill(date(2026, 11, 24))


# --- Certificates -------------------------------------------------------------------------------
def offered(*certs) -> dict:
    return {
        "data": [
            {
                "serial_no": side.serial(cert),
                "encrypt_certificate": side.wechat_seal(side.pem(cert), "certificate"),
            }
            for cert in certs
        ]
    }


def test_new_certificates_are_kept_beside_the_old_one(pay, keys, there):
    newer = side.certificate("Tenpay.com sign", "wechat-newer")
    says(there, 200, offered(side.platform(), newer))

    assert wechat.refresh_certificates(timezone.now()) == [side.serial(newer)]
    config.kept.forget()
    assert wechat.refresh_certificates(timezone.now()) == []

    body = side.wechat_body(side.wechat_transaction())
    again = registry.channel(PayType.WECHAT)
    for by, cert in (("wechat-cert", side.platform()), ("wechat-newer", newer)):
        headers = side.wechat_headers(body, by=by, named=side.serial(cert))
        assert heard(again, body, headers) == PAID
    assert (keys / "wechat_platform_cert.pem").read_bytes() == side.pem(side.platform())


@pytest.mark.parametrize(
    "how", ["stranger", "wrong serial", "not sealed", "expired", "no certificate"]
)
def test_certificates_that_are_not_believed(pay, keys, there, how):
    newer = side.certificate("Tenpay.com sign", "wechat-newer")
    gone = side.certificate("x", "wechat-newer", ends=datetime(2026, 2, 1, tzinfo=UTC))
    content = offered(gone if how == "expired" else newer)
    entry = content["data"][0]
    if how == "wrong serial":
        entry["serial_no"] = "ABCDEF"
    elif how == "not sealed":
        entry["encrypt_certificate"] = side.wechat_seal(side.pem(newer), secret="x" * 32)
    elif how == "no certificate":
        entry["encrypt_certificate"] = side.wechat_seal(b"hello", "certificate")
    says(there, 200, content, by="stranger" if how == "stranger" else "wechat")
    before = sorted(keys.iterdir())

    with pytest.raises(base.ChannelDown):
        wechat.refresh_certificates(timezone.now())

    assert sorted(keys.iterdir()) == before


def test_the_public_key_has_no_certificates_to_fetch(keys, there):
    reconfigure(keys, platform_cert_file=None, platform_cert_serial=None)

    assert wechat.refresh_certificates(timezone.now()) == []
    assert there.asked == []


def test_a_base64_text_has_one_spelling():
    """The last letter of a 256-byte signature holds spare bits: they are no second signature."""
    text = base64.b64encode(b"a").decode()  # YQ==

    assert wire.from_base64(text) == b"a"
    with pytest.raises(wire.Malformed):
        wire.from_base64("YR==")
