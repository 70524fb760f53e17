import json
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from alipay import AliPay
from django.utils import timezone

from payments.channels import base, registry, wire
from payments.states import PayType, Scene
from payments.tests.channel_case import HOSTILE, assert_clean, order, paid, refund, spoilt, wanted
from testing import other_side as side

pytestmark = pytest.mark.once

PAID = paid(
    "2026112522001473030500000001",
    wire.moment("2026-11-25 11:59:58", wire.DASHED),
    merchant="2021000000000001",
)
TRADE = {
    "code": "10000",
    "msg": "Success",
    "out_trade_no": "hb0001",
    "trade_no": "2026112522001473030500000001",
    "total_amount": "12.34",
    "send_pay_date": "2026-11-25 11:59:58",
}
UNKNOWN = {"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST", "sub_msg": "交易不存在"}


@pytest.fixture
def alipay(keys):
    return registry.channel(PayType.ALIPAY)


def heard(alipay, fields):
    return alipay.notice(base.Notice(side.body(fields), {}), side.NOW)


def method_of(asked) -> str:
    return dict(parse_qsl(asked.body.decode()))["method"]


def says(there, **answers):
    """The other side answers by method; the last part of its name is enough."""

    def answer(asked):
        method = method_of(asked)
        node = answers[method.removeprefix("alipay.").replace(".", "_")]
        return 200, {}, side.alipay_answer(method, **node)

    there.answer = answer


def sdk(private: str, public: str) -> AliPay:
    """The other implementation, with the private key of one and the public key of another."""
    return AliPay(
        appid="2021000000000001",
        app_notify_url=None,
        app_private_key_string=side.private_pem(private).decode(),
        alipay_public_key_string=side.public_pem(public).decode(),
        sign_type="RSA2",
    )


# --- Notifications ------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_FINISHED"])
def test_a_genuine_payment_is_understood(alipay, status):
    said = heard(alipay, side.alipay_fields(trade_status=status))

    assert said == PAID


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"trade_status": "WAIT_BUYER_PAY"}, "WAIT_BUYER_PAY"),
        ({"trade_status": "TRADE_CLOSED"}, "TRADE_CLOSED"),
        ({"refund_fee": "12.34"}, "TRADE_SUCCESS, refund 12.34"),
    ],
)
def test_what_tells_of_no_payment_is_noted(alipay, changes, noted):
    said = heard(alipay, side.alipay_fields(**changes))

    assert said == base.Noted(PAID.order_no, PAID.trade_no, noted)


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_CLOSED"])
def test_what_tells_of_a_refund_names_it(alipay, status):
    """The sum of all refunds stands beside it, and no amount of this one."""
    told = {"refund_fee": "2.34", "gmt_refund": "2026-11-25 12:10:00.123", "out_biz_no": "rf1"}
    says, at = f"{status}, refund 2.34", wire.moment("2026-11-25 12:10:00", wire.DASHED)

    said = heard(alipay, side.alipay_fields(trade_status=status, **told))

    answer = base.RefundAnswer(base.RefundState.DONE, says, at)
    assert said == base.Returned(PAID.order_no, PAID.trade_no, says, "rf1", answer, None)


@pytest.mark.parametrize(
    "kind", ["dut_user_sign", "fund_trans_order_changed", "trade_status_sync ", ""]
)
def test_only_a_trades_own_news_tells_of_a_payment(alipay, kind):
    assert heard(alipay, side.alipay_fields(notify_type=kind)) == base.Noted(
        "", "", f"notify_type {kind}"
    )


def test_news_of_another_kind_need_not_name_a_trade_but_its_app(alipay):
    contract = {"app_id": "2021000000000001", "notify_type": "dut_user_sign", "agreement_no": "1"}
    strange = {**contract, "app_id": "2021000000000002"}

    def signed(fields):
        return {**fields, "sign_type": "RSA2", "sign": side.sign("alipay", side.joined(fields))}

    assert heard(alipay, signed(contract)).says == "notify_type dut_user_sign"
    with pytest.raises(base.Forged):
        heard(alipay, signed(strange))


@pytest.mark.parametrize("name", ["gbk", "GBK", "gb2312", "GB18030", "utf-8", "UTF-8"])
def test_a_payment_is_understood_in_every_charset_of_alipays(alipay, name):
    charset = "utf-8" if name.lower() == "utf-8" else "gb18030"
    body = side.alipay_body(charset, charset=name, subject="红包 + 1 & 50%，恭喜")

    assert alipay.notice(base.Notice(body, {}), side.NOW) == PAID
    with pytest.raises(base.Forged):
        alipay.notice(base.Notice(body.replace(b"12.34", b"12.35", 1), {}), side.NOW)


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_a_title_that_was_cut_within_a_character_is_no_forgery(alipay, charset):
    """Signed over bytes that are no text: what we read of it is ASCII, and stays strict."""
    body = side.alipay_body(charset, charset=charset, subject="红包".encode(charset)[:-1])

    assert alipay.notice(base.Notice(body, {}), side.NOW) == PAID


def test_a_refund_of_nothing_is_no_refund(alipay):
    assert heard(alipay, side.alipay_fields(refund_fee="0.00")) == PAID


@pytest.mark.parametrize("name", [*side.ALIPAY_NOTICE, "sign", "sign_type"])
def test_every_field_counts(alipay, name):
    for body in spoilt(side.alipay_fields(), name):
        with pytest.raises(base.Forged):
            alipay.notice(base.Notice(body, {}), side.NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": "2021000000000002"},
        {"seller_id": "2088000000000002"},
        {"total_amount": "0.00"},
        {"total_amount": "-12.34"},
        {"total_amount": "12.340"},
        {"total_amount": "1e3"},
        {"total_amount": "NaN"},
        {"total_amount": "１２.34"},
        {"total_amount": ""},
        {"out_trade_no": ""},
        {"out_trade_no": "红包"},
        {"trade_no": "x" * 65},
        {"charset": "iso-8859-1"},
        {"charset": ""},
    ],
)
def test_a_genuine_signature_under_nonsense_is_refused(alipay, changes):
    with pytest.raises(base.Forged):
        heard(alipay, side.alipay_fields(**changes))


def test_another_key_another_scheme_no_scheme(alipay):
    genuine = side.alipay_fields()
    without = {key: value for key, value in genuine.items() if key != "sign_type"}

    for fields in (side.alipay_fields(by="stranger"), {**genuine, "sign_type": "RSA"}, without):
        with pytest.raises(base.Forged):
            heard(alipay, fields)


def test_the_acknowledgement_is_a_word(alipay):
    assert alipay.acknowledge(accepted=True).body == b"success"
    assert alipay.acknowledge(accepted=False).body == b"failure"


def test_the_other_implementation_agrees_on_notifications(alipay):
    fields = dict(side.ALIPAY_NOTICE)
    theirs = sdk(private="alipay", public="alipay")
    content = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))

    signed_by_them = {**fields, "sign_type": "RSA2", "sign": theirs._sign(content)}
    signed_by_us = side.alipay_fields()

    assert heard(alipay, signed_by_them) == PAID
    assert theirs.verify({**fields, "sign_type": "RSA2"}, signed_by_us["sign"]) is True


# --- Synchronous results ------------------------------------------------------------------------
def app_result(by="alipay", **changes) -> str:
    node = {
        "code": "10000",
        "app_id": "2021000000000001",
        "out_trade_no": "hb0001",
        "total_amount": "12.34",
        "seller_id": "2088000000000001",
        "trade_no": "T1",
        **changes,
    }
    return side.alipay_answer("alipay.trade.app.pay", by=by, **node).decode()


def sdk_result(inner: str, status: str = "9000") -> str:
    return json.dumps({"memo": "", "result": inner, "resultStatus": status})


def test_a_signed_result_is_believed_bare_and_wrapped(alipay):
    alipay.result(order(), app_result())
    alipay.result(order(), sdk_result(app_result()))
    alipay.result(order(), sdk_result(app_result(), "8000"))


@pytest.mark.parametrize(
    "result",
    [
        lambda: app_result(by="stranger"),
        lambda: app_result().replace("12.34", "12.35"),
        lambda: app_result(out_trade_no="hb0002"),
        lambda: app_result(total_amount="12.35"),
        lambda: app_result(app_id="2021000000000002"),
        lambda: app_result(seller_id="2088000000000002"),
        lambda: app_result(code="40004"),
        lambda: app_result()[:-2],
        lambda: sdk_result(app_result(), "6001"),
        lambda: sdk_result(""),
        lambda: json.dumps({"resultStatus": "9000", "result": json.loads(app_result())}),
        lambda: json.dumps({"resultStatus": "9000", "result": "\ud800" + app_result()}),
        lambda: side.alipay_answer("alipay.trade.query", **TRADE).decode(),
        lambda: side.body(side.alipay_fields()).decode(),  # a notification is no result
        lambda: "success",
        lambda: "",
        lambda: "[" * 100_000,
        lambda: '{"a":' * 100_000,
    ],
)
def test_any_other_result_is_forged(alipay, result):
    with pytest.raises(base.Forged):
        alipay.result(order(), result())


def test_a_mobile_page_returns_with_signed_parameters(alipay):
    changes = {"method": "alipay.trade.wap.pay.return"}

    alipay.result(order(), side.body(side.alipay_fields(**changes)).decode())
    with pytest.raises(base.Forged):
        alipay.result(order(), side.body(side.alipay_fields(by="stranger", **changes)).decode())


# --- Orders -------------------------------------------------------------------------------------
def test_app_orders_are_signed_here_and_asked_for_by_nobody(alipay, there):
    params = alipay.create(order(), wanted())

    fields = dict(parse_qsl(params["order_string"], keep_blank_values=True))
    content = json.loads(fields["biz_content"])
    side.verify("alipay-app", side.joined(fields, "sign"), fields["sign"])
    assert fields["method"] == "alipay.trade.app.pay"
    assert fields["notify_url"] == wanted().notify_url
    assert content["out_trade_no"] == "hb0001"
    assert content["total_amount"] == "12.34"
    assert content["time_expire"] == "2026-11-25 12:14:40"
    assert there.asked == []


def test_the_other_implementation_verifies_our_requests(alipay):
    theirs = sdk(private="alipay-app", public="alipay-app")
    order_string = alipay.create(order(), wanted())["order_string"]
    fields = dict(parse_qsl(order_string))

    assert theirs._verify(side.joined(fields, "sign").decode(), fields["sign"]) is True
    assert not theirs._verify(side.joined(fields, "sign").decode() + "1", fields["sign"])


def test_mobile_pages_get_a_url_at_the_gateway(alipay, there):
    url = alipay.create(order(), wanted(Scene.H5))["url"]

    fields = dict(parse_qsl(urlsplit(url).query))
    side.verify("alipay-app", side.joined(fields, "sign"), fields["sign"])
    assert url.startswith(f"{there.url}/gateway.do?")
    assert fields["method"] == "alipay.trade.wap.pay"
    assert fields["return_url"] == "https://pay.example/back?a=1"


def test_a_qr_code_is_asked_for(alipay, there):
    says(there, trade_precreate={"code": "10000", "qr_code": "https://qr.alipay.com/bax1"})

    assert alipay.create(order(), wanted(Scene.NATIVE)) == {"qr_code": "https://qr.alipay.com/bax1"}
    fields = dict(parse_qsl(there.asked[0].body.decode()))
    side.verify("alipay-app", side.joined(fields, "sign"), fields["sign"])


def test_a_refused_qr_code(alipay, there):
    says(there, trade_precreate={"code": "40004", "sub_code": "ACQ.TRADE_HAS_SUCCESS"})

    with pytest.raises(base.Refused, match="TRADE_HAS_SUCCESS") as refused:
        alipay.create(order(), wanted(Scene.NATIVE))
    assert not isinstance(refused.value, base.Reused)


@pytest.mark.parametrize("code", ["ACQ.CONTEXT_INCONSISTENT", "ACQ.TRADE_HAS_CLOSE"])
def test_a_number_that_was_used_with_other_words(alipay, there, code):
    says(there, trade_precreate={"code": "40004", "sub_code": code})

    with pytest.raises(base.Reused, match=code):
        alipay.create(order(), wanted(Scene.NATIVE))


def test_the_title_is_clean_and_fits(alipay):
    for hostile in HOSTILE:
        signed = alipay.create(order(), wanted(Scene.APP, hostile))["order_string"]
        fields = dict(parse_qsl(signed, keep_blank_values=True))
        side.verify("alipay-app", side.joined(fields, "sign"), fields["sign"])
        assert_clean(json.loads(fields["biz_content"])["subject"], 256)


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8"])
def test_an_answer_in_gbk_is_believed_and_read(alipay, there, encoding):
    """The second half of 誠 is a backslash there: what is not decoded first is cut wrongly."""
    refused = {"code": "40004", "sub_code": "ACQ.SELLER_BALANCE", "sub_msg": "帳户誠/余额不足"}

    there.answer = lambda asked: (
        200,
        {"Content-Type": f"text/html;charset={encoding}"},
        side.alipay_answer(method_of(asked), encoding=encoding, **refused),
    )
    with pytest.raises(base.Refused, match="帳户誠/余额不足"):
        alipay.create(order(), wanted(Scene.NATIVE))

    paid = {**TRADE, "trade_status": "TRADE_SUCCESS", "store_name": "誠品红包"}
    there.answer = lambda asked: (
        200,
        {},
        side.alipay_answer(method_of(asked), encoding=encoding, **paid),
    )
    assert alipay.query(order()).payment == PAID


def test_a_forged_answer_in_gbk_is_not_believed(alipay, there):
    paid = {**TRADE, "trade_status": "TRADE_SUCCESS", "store_name": "誠品红包"}
    method = "alipay.trade.query"
    genuine = side.alipay_answer(method, encoding="gbk", **paid)

    for body in (
        side.alipay_answer(method, by="stranger", encoding="gbk", **paid),
        genuine.replace(b"12.34", b"12.35", 1),
        genuine.replace("品".encode("gbk"), "口".encode("gbk")),
        genuine.decode("gbk").encode(),
    ):
        there.answer = lambda asked, body=body: (200, {}, body)
        with pytest.raises(base.ChannelDown):
            alipay.query(order())


@pytest.mark.parametrize(
    ("node", "state"),
    [
        ({**TRADE, "trade_status": "TRADE_SUCCESS"}, base.State.PAID),
        ({**TRADE, "trade_status": "TRADE_FINISHED"}, base.State.PAID),
        ({**TRADE, "trade_status": "WAIT_BUYER_PAY"}, base.State.PENDING),
        ({**TRADE, "trade_status": "TRADE_CLOSED", "send_pay_date": None}, base.State.CLOSED),
        ({**TRADE, "trade_status": "TRADE_CLOSED"}, base.State.REFUNDED),  # it was paid once
        (UNKNOWN, base.State.UNKNOWN),
    ],
)
def test_query(alipay, there, node, state):
    says(there, trade_query=node)

    answer = alipay.query(order())

    assert answer.state == state
    assert answer.payment == (PAID if state == base.State.PAID else None)
    assert answer.was_paid == (PAID if state == base.State.REFUNDED else None)


@pytest.mark.parametrize(
    "body",
    [
        side.alipay_answer(
            "alipay.trade.query", by="stranger", **TRADE, trade_status="TRADE_SUCCESS"
        ),
        json.dumps(
            {"alipay_trade_query_response": {**TRADE, "trade_status": "TRADE_CLOSED"}}
        ).encode(),
        side.alipay_answer("alipay.trade.close", **TRADE, trade_status="TRADE_CLOSED"),
        side.alipay_answer(
            "alipay.trade.query", **{**TRADE, "out_trade_no": "hb2"}, trade_status="TRADE_CLOSED"
        ),
        side.alipay_answer("alipay.trade.query", code="20000", sub_code="isp.unknow-error"),
        side.alipay_answer("alipay.trade.query", code="40006", sub_code="isv.insufficient"),
        b"<html>",
        b"",
        b"\xff\xfe",
    ],
)
def test_answers_that_are_not_believed(alipay, there, body):
    there.answer = lambda asked: (200, {}, body)

    with pytest.raises(base.ChannelDown):
        alipay.query(order())


def test_the_raw_text_is_verified_not_what_a_parser_makes_of_it(alipay, there):
    genuine = side.alipay_answer("alipay.trade.query", **TRADE, trade_status="WAIT_BUYER_PAY")
    twice = genuine[:-1] + b',"alipay_trade_query_response":{"code":"10000"}}'

    for body in (genuine.replace(b": ", b":"), twice):
        there.answer = lambda asked, body=body: (200, {}, body)
        with pytest.raises(base.ChannelDown):
            alipay.query(order())


def test_close(alipay, there):
    says(there, trade_close={"code": "10000", "out_trade_no": "hb0001"})

    assert alipay.close(order()).state == base.State.CLOSED


def test_close_comes_too_late(alipay, there):
    says(
        there,
        trade_close={"code": "40004", "sub_code": "ACQ.TRADE_STATUS_ERROR"},
        trade_query={**TRADE, "trade_status": "TRADE_SUCCESS"},
    )

    answer = alipay.close(order())

    assert (answer.state, answer.payment) == (base.State.PAID, PAID)


@pytest.mark.parametrize(
    ("ended", "state"),
    [
        (timedelta(seconds=-60), base.State.PENDING),  # the payer's device may still begin it
        (timedelta(seconds=240), base.State.PENDING),
        (timedelta(seconds=360), base.State.CLOSED),
    ],
)
def test_an_order_nobody_began_is_closed_by_its_time_out(alipay, there, ended, state):
    says(there, trade_close=UNKNOWN, trade_query=UNKNOWN)
    expire_time = timezone.now() - ended
    ours = order(add_time=expire_time - timedelta(minutes=15), expire_time=expire_time)

    assert alipay.close(ours).state == state


# --- Refunds and bills --------------------------------------------------------------------------
def test_refund(alipay, there):
    says(there, trade_refund={"code": "10000", "fund_change": "Y"})

    assert alipay.refund(refund()).state == base.RefundState.DONE
    content = json.loads(dict(parse_qsl(there.asked[0].body.decode()))["biz_content"])
    assert content["out_request_no"] == "rf0001"
    assert content["refund_amount"] == "2.34"
    assert content["trade_no"] == "T0001"


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"code": "10000", "out_request_no": "rf0001", "refund_status": "REFUND_SUCCESS"}, "done"),
        ({"code": "10000", "out_request_no": "rf0001"}, "unknown"),
        ({"code": "10000"}, "unknown"),
        (UNKNOWN, "unknown"),
    ],
)
def test_query_of_a_refund(alipay, there, found, state):
    says(there, trade_fastpay_refund_query=found)

    assert alipay.query_refund(refund()).state == state


def test_a_repeated_refund_is_asked_about(alipay, there):
    says(
        there,
        trade_refund={"code": "10000", "fund_change": "N"},
        trade_fastpay_refund_query={
            "code": "10000",
            "out_request_no": "rf0001",
            "refund_status": "REFUND_SUCCESS",
        },
    )

    assert alipay.refund(refund()).state == base.RefundState.DONE


def test_a_refused_refund(alipay, there):
    says(there, trade_refund={"code": "40004", "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"})

    answer = alipay.refund(refund())

    assert answer.state == base.RefundState.REFUSED
    assert "ACQ.SELLER_BALANCE_NOT_ENOUGH" in answer.says


def test_bill(alipay, there):
    def answer(asked):
        if asked.method == "GET":
            return 200, {}, b"PK the zip"
        node = {"code": "10000", "bill_download_url": f"{there.url}/bill?x=1"}
        return 200, {}, side.alipay_answer(method_of(asked), **node)

    there.answer = answer

    assert alipay.bill(date(2026, 11, 24)) == b"PK the zip"
    content = json.loads(dict(parse_qsl(there.asked[0].body.decode()))["biz_content"])
    assert content == {"bill_type": "trade", "bill_date": "2026-11-24"}


def test_no_bill(alipay, there):
    node = {"code": "40004", "sub_code": "isp.bill_not_exist"}
    says(there, data_dataservice_bill_downloadurl_query=node)

    with pytest.raises(base.Refused, match=r"isp\.bill_not_exist"):
        alipay.bill(date(2026, 11, 24))
