"""API v3 with wechatpayv3 as the client, in both modes, and checks of our own."""

import csv
import gzip
import hashlib
import io
import json
import shutil

import pytest
import requests
from django.utils import timezone
from wechatpayv3 import WeChatPay, WeChatPayType

from sandbox import manners
from sandbox.models import SandboxTrade
from sandbox.trades import beijing

pytestmark = pytest.mark.once

H5 = {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}


@pytest.fixture(params=["pubkey", "cert"])
def mode(request) -> str:
    return request.param


@pytest.fixture
def ours(channels, channels_file, mode, tmp_path, settings) -> dict:
    """The settings in the wanted mode, beside the same keys."""
    for path in channels_file.parent.iterdir():
        shutil.copy(path, tmp_path)
    channels["wechat"]["mode"] = mode
    (tmp_path / "channels.json").write_text(json.dumps(channels))
    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"
    return channels["wechat"]


@pytest.fixture
def sdk(live, ours, merchant, mode, settings):
    folder = settings.REDPACKET_CHANNELS_FILE.parent
    more = {}
    if mode == "pubkey":
        more["public_key"] = (folder / ours["public_key_file"]).read_text()
        more["public_key_id"] = ours["public_key_id"]
    else:
        (folder / "downloaded").mkdir()
        shutil.copy(folder / ours["platform_cert_file"], folder / "downloaded")
        more["cert_dir"] = str(folder / "downloaded")
    client = WeChatPay(
        wechatpay_type=WeChatPayType.APP,
        mchid=ours["mchid"],
        private_key=(folder / ours["merchant_private_key_file"]).read_text(),
        cert_serial_no=ours["merchant_cert_serial"],
        apiv3_key=ours["apiv3_key"],
        appid=ours["appid"],
        notify_url=merchant.url,
        **more,
    )
    client._core._gate_way = f"{live}/sandbox/wechat"
    return client


def _pay(sdk, number="rp000001", fen=1234, kind=WeChatPayType.APP, **more) -> tuple[int, dict]:
    status, text = sdk.pay(
        description="红包",
        out_trade_no=number,
        amount={"total": fen, "currency": "CNY"},
        pay_type=kind,
        **more,
    )
    return status, json.loads(text)


def test_an_order_is_made_paid_notified_and_queried(sdk, pay, ours, merchant, mode):
    status, made = _pay(sdk)
    assert (status, list(made)) == (200, ["prepay_id"])
    assert made["prepay_id"].startswith("wx")
    assert json.loads(sdk.query(out_trade_no="rp000001")[1])["trade_state"] == "NOTPAY"

    paid = pay(pay_type="wechat", pay_params={"prepayid": made["prepay_id"]}, lag_s=0, inside=True)

    assert paid["result"] == ""
    status, text = sdk.query(out_trade_no="rp000001")
    found = json.loads(text)
    assert (status, found["trade_state"], found["amount"]["total"]) == (200, "SUCCESS", 1234)
    assert found["transaction_id"] == paid["trade_no"]
    assert json.loads(sdk.query(transaction_id=paid["trade_no"])[1]) == found
    [(headers, body)] = merchant.got
    serial = ours["public_key_id" if mode == "pubkey" else "platform_cert_serial"]
    assert headers["Wechatpay-Serial"] == serial
    notice = sdk.callback(headers, body)
    assert notice["event_type"] == "TRANSACTION.SUCCESS"
    assert notice["resource"] == found


def test_pages_and_codes_lead_to_the_cashier(sdk, live):
    status, page = _pay(sdk, "rp000002", kind=WeChatPayType.H5, scene_info=H5)
    assert (status, list(page)) == (200, ["h5_url"])
    back = f"{page['h5_url']}&redirect_url=https%3A%2F%2Fshop.example%2Fback"
    assert requests.get(back, timeout=20).status_code == 200
    assert SandboxTrade.objects.get().return_url == "https://shop.example/back"

    status, code = _pay(sdk, "rp000003", kind=WeChatPayType.NATIVE)
    assert (status, list(code)) == (200, ["code_url"])
    assert requests.get(code["code_url"], timeout=20).status_code == 200


def test_closing_ends_it_and_a_paid_order_is_not_closed(sdk, pay):
    _pay(sdk, "rp000001")
    _pay(sdk, "rp000002")

    assert sdk.close(out_trade_no="rp000001")[0] == 204
    assert json.loads(sdk.query(out_trade_no="rp000001")[1])["trade_state"] == "CLOSED"
    pay(status=409, pay_type="wechat", order_no="rp000001")
    assert _pay(sdk, "rp000001")[1]["code"] == "ORDER_CLOSED"

    pay(pay_type="wechat", order_no="rp000002", notify=False)
    status, text = sdk.close(out_trade_no="rp000002")
    assert (status, json.loads(text)["code"]) == (400, "ORDERPAID")
    assert json.loads(sdk.close(out_trade_no="rp000009")[1])["code"] == "ORDER_NOT_EXIST"


def test_refunds_keep_within_the_payment_and_repeat_by_number(sdk, pay, merchant):
    _pay(sdk)
    pay(pay_type="wechat", order_no="rp000001", notify=False)

    def refund(fen, number, total=1234):
        status, text = sdk.refund(
            out_refund_no=number,
            amount={"refund": fen, "total": total, "currency": "CNY"},
            out_trade_no="rp000001",
            notify_url=merchant.url,
        )
        return status, json.loads(text)

    status, made = refund(234, "refund01")
    assert (status, made["status"], made["amount"]["refund"]) == (200, "SUCCESS", 234)
    assert refund(234, "refund01")[1]["refund_id"] == made["refund_id"]
    assert refund(235, "refund01")[0] == 400
    assert refund(1001, "refund02")[1]["code"] == "INVALID_REQUEST"
    assert refund(1, "refund02", total=999)[1]["code"] == "INVALID_REQUEST"
    manners.change_defaults({"refund": "pending", "refund_s": 3600})
    assert refund(1000, "refund03")[1]["status"] == "PROCESSING"
    assert json.loads(sdk.query_refund("refund03")[1])["status"] == "PROCESSING"
    assert json.loads(sdk.query_refund("refund02")[1])["code"] == "RESOURCE_NOT_EXISTS"
    assert json.loads(sdk.query(out_trade_no="rp000001")[1])["trade_state"] == "REFUND"


@pytest.mark.parametrize("mode", ["pubkey"], indirect=True)
class TestRefusals:
    def test_what_the_merchant_did_not_sign(self, sdk, live, ours):
        url = f"{live}/sandbox/wechat/v3/pay/transactions/out-trade-no/x?mchid={ours['mchid']}"

        answer = requests.get(url, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")

        sdk._core._cert_serial_no = "00"
        assert json.loads(sdk.query(out_trade_no="x")[1])["code"] == "SIGN_ERROR"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"appid": "wx0000000000000000"}, "APPID_MCHID_NOT_MATCH"),
            ({"fen": 0}, "PARAM_ERROR"),
            ({"number": "short"}, "PARAM_ERROR"),
            ({"time_expire": "2020-01-01T00:00:00+08:00"}, "PARAM_ERROR"),
            ({"time_expire": "2036-01-01T00:00:00"}, "PARAM_ERROR"),
        ],
    )
    def test_what_does_not_fit(self, sdk, change, code):
        status, answer = _pay(sdk, **change)

        assert (status, answer["code"]) == (400, code)

    def test_a_number_that_stands_for_another_sum(self, sdk):
        _pay(sdk)

        status, answer = _pay(sdk, fen=1235)

        assert (status, answer["code"]) == (403, "OUT_TRADE_NO_USED")


@pytest.mark.parametrize("mode", ["cert"], indirect=True)
def test_the_platform_certificate_is_handed_out_sealed(sdk, ours, settings):
    sdk._core._certificates = []

    sdk._core._update_certificates()

    [certificate] = sdk._core._certificates
    assert f"{certificate.serial_number:040X}" == ours["platform_cert_serial"]


@pytest.mark.parametrize("mode", ["pubkey"], indirect=True)
def test_the_full_path_may_be_signed_too(sdk, live, ours):
    """A client that joins base URL and path first signs the path of the whole."""
    sdk._core._gate_way = live

    _, text = sdk._core.request("/sandbox/wechat/v3/certificates", skip_verify=True)

    assert json.loads(text)["data"][0]["serial_no"] == ours["platform_cert_serial"]


@pytest.mark.parametrize("mode", ["pubkey"], indirect=True)
def test_the_days_bill_has_backquotes_and_sums(sdk, pay):
    _pay(sdk)
    paid = pay(pay_type="wechat", order_no="rp000001", notify=False)
    sdk.refund(
        out_refund_no="refund01",
        amount={"refund": 234, "total": 1234, "currency": "CNY"},
        out_trade_no="rp000001",
    )
    day = beijing(timezone.now(), "%Y-%m-%d")

    said = json.loads(sdk.trade_bill(bill_date=day, bill_type="ALL", tar_type="GZIP")[1])
    status, packed = sdk.download_bill(said["download_url"])

    content = gzip.decompress(packed)
    assert status == 200
    assert hashlib.sha1(content).hexdigest() == said["hash_value"]
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [len(row) for row in rows] == [27, 27, 27, 7, 7]
    payment, refund, sums = rows[1], rows[2], rows[4]
    assert payment[5:7] == [f"`{paid['trade_no']}", "`rp000001"]
    assert [payment[9], payment[12], payment[24]] == ["`SUCCESS", "`12.34", "`12.34"]
    assert [refund[9], refund[15], refund[16], refund[25]] == [
        "`REFUND",
        "`refund01",
        "`2.34",
        "`2.34",
    ]
    assert sums == ["`2", "`12.34", "`2.34", "`0.00", "`0.07000", "`12.34", "`2.34"]
    missing = json.loads(sdk.trade_bill(bill_date="2020-01-01")[1])
    assert missing["code"] == "NO_STATEMENT_EXIST"


def test_a_number_is_taken_again_with_the_same_words_alone(sdk):
    first = _pay(sdk, kind=WeChatPayType.NATIVE)
    assert first == _pay(sdk, kind=WeChatPayType.NATIVE)

    for changes in (
        {"kind": WeChatPayType.APP},
        {"kind": WeChatPayType.H5, "scene_info": H5},
        {"kind": WeChatPayType.NATIVE, "fen": 1235},
        {"kind": WeChatPayType.NATIVE, "attach": "another"},
        {"kind": WeChatPayType.NATIVE, "time_expire": "2036-01-01T00:00:00+08:00"},
    ):
        status, said = _pay(sdk, **changes)
        assert (status, said["code"]) == (403, "OUT_TRADE_NO_USED"), changes
    assert SandboxTrade.objects.get().scene == "native"


def test_the_payers_address_may_change(sdk):
    other = {"payer_client_ip": "203.0.113.8", "h5_info": {"type": "Wap"}}

    assert _pay(sdk, kind=WeChatPayType.H5, scene_info=H5)[0] == 200
    assert _pay(sdk, kind=WeChatPayType.H5, scene_info=other)[0] == 200


def test_an_unpaid_order_is_not_refunded(sdk):
    _pay(sdk)
    amount = {"refund": 1, "total": 1234, "currency": "CNY"}

    status, said = sdk.refund(out_refund_no="r1", amount=amount, out_trade_no="rp000001")
    assert (status, json.loads(said)["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(("how", "word"), [("failed", "ABNORMAL"), ("closed", "CLOSED")])
def test_the_two_bad_ends_of_a_refund(sdk, pay, how, word):
    _pay(sdk)
    pay(pay_type="wechat", order_no="rp000001", notify=False)
    manners.change_defaults({"refund": how})
    amount = {"refund": 234, "total": 1234, "currency": "CNY"}

    _, said = sdk.refund(out_refund_no="refund01", amount=amount, out_trade_no="rp000001")

    assert json.loads(said)["status"] == word
    assert json.loads(sdk.query_refund("refund01")[1])["status"] == word
    assert SandboxTrade.objects.get().refunded_fen == 0
