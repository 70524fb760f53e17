"""Alipay's protocol, with python-alipay-sdk as the client and checks of our own."""

import io
import json
import shutil
import zipfile
from base64 import b64decode
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from alipay import AliPay
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from sandbox import manners
from sandbox.models import SandboxTrade
from sandbox.trades import beijing

pytestmark = pytest.mark.once


@pytest.fixture
def sdk(live, channels, channels_file):
    folder = channels_file.parent
    client = AliPay(
        appid=channels["alipay"]["app_id"],
        app_private_key_string=(folder / "alipay_app_private.pem").read_text(),
        alipay_public_key_string=(folder / "alipay_platform_public.pem").read_text(),
    )
    client._gateway = f"{live}/sandbox/alipay/gateway.do"
    return client


@pytest.fixture
def order_string(sdk, merchant):
    return sdk.api_alipay_trade_app_pay(
        subject="红包 🧧", out_trade_no="rp0001", total_amount="12.34", notify_url=merchant.url
    )


def _verify(channels_file, text: bytes, sign: str) -> None:
    pem = (channels_file.parent / "alipay_platform_public.pem").read_bytes()
    public = serialization.load_pem_public_key(pem)
    public.verify(b64decode(sign), text, PKCS1v15(), hashes.SHA256())


def test_an_order_string_is_paid_as_the_app_would(sdk, pay, order_string, merchant, channels_file):
    assert sdk.api_alipay_trade_query(out_trade_no="rp0001")["sub_code"] == "ACQ.TRADE_NOT_EXIST"

    paid = pay(pay_type="alipay", pay_params={"order_string": order_string}, lag_s=0, inside=True)

    answer = sdk.api_alipay_trade_query(out_trade_no="rp0001")
    assert (answer["code"], answer["trade_status"]) == ("10000", "TRADE_SUCCESS")
    assert (answer["total_amount"], answer["trade_no"]) == ("12.34", paid["trade_no"])
    [(_, body)] = merchant.got
    fields = dict(parse_qsl(body.decode(), strict_parsing=True))
    assert fields["trade_status"] == "TRADE_SUCCESS"
    assert (fields["out_trade_no"], fields["total_amount"]) == ("rp0001", "12.34")
    assert fields["subject"] == "红包 🧧"
    assert sdk.verify(fields, fields.pop("sign"))
    assert paid["notices"] == [
        {
            "id": paid["notices"][0]["id"],
            "says": "paid",
            "tries": 1,
            "acknowledged": True,
            "waiting": False,
            "answer": "200 success",
        }
    ]
    # The result that the app reports is signed over its raw node.
    raw, _, rest = (
        paid["result"].removeprefix('{"alipay_trade_app_pay_response":').partition(',"sign":"')
    )
    _verify(channels_file, raw.encode(), rest.partition('"')[0])
    assert json.loads(raw)["trade_no"] == paid["trade_no"]


def test_a_page_sends_the_browser_to_the_cashier_and_back_with_a_signed_address(
    sdk, live, merchant, channels_file
):
    query = sdk.api_alipay_trade_wap_pay(
        subject="红包",
        out_trade_no="rp0002",
        total_amount="0.01",
        notify_url=merchant.url,
        return_url="https://shop.example/back?a=1",
    )
    browser = requests.Session()

    page = browser.get(f"{live}/sandbox/alipay/gateway.do?{query}", timeout=20)
    assert page.status_code == 200
    assert sdk.api_alipay_trade_query(out_trade_no="rp0002")["trade_status"] == "WAIT_BUYER_PAY"
    manners.change_defaults({"notify": False})
    form = {"do": "pay", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    done = browser.post(page.url, data=form, timeout=20)

    assert done.url == f"{page.url}/done"
    wait, _, target = done.headers["Refresh"].partition("; url=")
    assert wait == "3"
    assert target.startswith("https://shop.example/back?a=1&")
    fields = dict(parse_qsl(urlsplit(target).query))
    del fields["a"], fields["sign_type"]
    sign = fields.pop("sign")
    _verify(channels_file, "&".join(f"{k}={v}" for k, v in sorted(fields.items())).encode(), sign)


def test_a_code_is_unknown_until_scanned(sdk, live, merchant):
    made = sdk.api_alipay_trade_precreate(
        subject="红包", out_trade_no="rp0003", total_amount="5.00", notify_url=merchant.url
    )

    assert (made["code"], made["out_trade_no"]) == ("10000", "rp0003")
    assert made["qr_code"].startswith(f"{live}/sandbox/cashier/bax")
    assert sdk.api_alipay_trade_query(out_trade_no="rp0003")["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert requests.get(made["qr_code"], timeout=20).status_code == 200
    assert sdk.api_alipay_trade_query(out_trade_no="rp0003")["trade_status"] == "WAIT_BUYER_PAY"
    other = sdk.api_alipay_trade_precreate(
        subject="红包", out_trade_no="rp0003", total_amount="6.00"
    )
    assert other["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"


def test_answers_are_signed_over_the_raw_node_with_escaped_slashes(sdk, live, channels_file):
    data = sdk.build_body(
        "alipay.trade.precreate",
        {"subject": "x", "out_trade_no": "rp0004", "total_amount": "1.00"},
    )

    answer = requests.post(
        f"{live}/sandbox/alipay/gateway.do", data=dict(parse_qsl(sdk.sign_data(data))), timeout=20
    ).text

    raw, _, rest = answer.removeprefix('{"alipay_trade_precreate_response":').partition(',"sign":"')
    assert '"http:\\/\\/127.0.0.1' in raw
    _verify(channels_file, raw.encode(), rest.removesuffix('"}'))


@pytest.mark.parametrize(
    ("change", "sub_code"),
    [
        ({"total_amount": "0.01"}, "isv.invalid-signature"),
        ({"app_id": "2021000000000000"}, "isv.invalid-app-id"),
        ({"sign_type": "RSA"}, "isv.invalid-signature-type"),
        ({"sign": ""}, "isv.missing-sign"),
    ],
)
def test_what_the_merchant_did_not_sign_is_refused(sdk, live, order_string, change, sub_code):
    fields = dict(parse_qsl(order_string))
    if "total_amount" in change:
        fields["biz_content"] = fields["biz_content"].replace("12.34", "0.01")
    else:
        fields |= change

    answer = requests.post(f"{live}/sandbox/alipay/gateway.do", data=fields, timeout=20)

    assert answer.status_code == 400
    assert answer.text.startswith(sub_code)


def test_a_closed_order_takes_no_money_unless_it_comes_late(sdk, pay, order_string, merchant):
    pay(pay_type="alipay", pay_params={"order_string": order_string}, pay=False, notify=False)

    assert sdk.api_alipay_trade_close(out_trade_no="rp0001")["code"] == "10000"

    assert sdk.api_alipay_trade_query(out_trade_no="rp0001")["trade_status"] == "TRADE_CLOSED"
    assert sdk.api_alipay_trade_close(out_trade_no="rp0001")["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    pay(status=409, pay_type="alipay", order_no="rp0001")
    late = pay(pay_type="alipay", order_no="rp0001", late=True, lag_s=0, inside=True)
    assert late["state"] == "paid"
    assert len(merchant.got) == 1


def test_an_order_string_runs_out(sdk, pay, merchant):
    wish = {"subject": "x", "out_trade_no": "rp0009", "total_amount": "1.00"}
    text = sdk.api_alipay_trade_app_pay(
        **wish, notify_url=merchant.url, time_expire="2020-01-01 00:00:00"
    )

    pay(status=409, pay_type="alipay", pay_params={"order_string": text})

    assert sdk.api_alipay_trade_query(out_trade_no="rp0009")["trade_status"] == "TRADE_CLOSED"


def test_refunds_keep_within_the_payment_and_repeat_by_number(sdk, pay, order_string, merchant):
    pay(pay_type="alipay", pay_params={"order_string": order_string}, notify=False)

    def refund(amount, number):
        return sdk.api_alipay_trade_refund(
            refund_amount=amount, out_trade_no="rp0001", out_request_no=number
        )

    first, again = refund("2.34", "r1"), refund("2.34", "r1")
    assert (first["fund_change"], first["refund_fee"]) == ("Y", "2.34")
    assert (again["fund_change"], again["refund_fee"]) == ("N", "2.34")
    assert refund("3.00", "r1")["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert refund("10.01", "r2")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    found = sdk.api_alipay_trade_fastpay_refund_query("r1", out_trade_no="rp0001")
    assert (found["refund_status"], found["refund_amount"]) == ("REFUND_SUCCESS", "2.34")
    assert "refund_status" not in sdk.api_alipay_trade_fastpay_refund_query(
        "r2", out_trade_no="rp0001"
    )
    assert refund("10.00", "r3")["refund_fee"] == "12.34"
    assert sdk.api_alipay_trade_query(out_trade_no="rp0001")["trade_status"] == "TRADE_CLOSED"


def test_refunds_fail_and_wait_on_demand(sdk, pay, order_string):
    pay(pay_type="alipay", pay_params={"order_string": order_string}, notify=False)
    ask = {"refund_amount": "1.00", "out_trade_no": "rp0001", "out_request_no": "r1"}

    manners.change_defaults({"refund": "refused"})
    assert sdk.api_alipay_trade_refund(**ask)["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"

    manners.change_defaults({"refund": "pending", "refund_s": 3600})
    assert sdk.api_alipay_trade_refund(**ask)["fund_change"] == "N"
    found = sdk.api_alipay_trade_fastpay_refund_query("r1", out_trade_no="rp0001")
    assert found["code"] == "10000"
    assert "refund_status" not in found


def test_the_days_bill_is_a_zip_of_gbk_files(sdk, pay, order_string, channels):
    def ask(day):
        biz = {"bill_type": "trade", "bill_date": day}
        return sdk.server_api("alipay.data.dataservice.bill.downloadurl.query", biz)

    paid = pay(pay_type="alipay", pay_params={"order_string": order_string}, notify=False)
    sdk.api_alipay_trade_refund(refund_amount="2.34", out_trade_no="rp0001", out_request_no="r1")
    day = beijing(SandboxTrade.objects.get().paid_at, "%Y-%m-%d")

    content = requests.get(ask(day)["bill_download_url"], timeout=20).content

    archive = zipfile.ZipFile(io.BytesIO(content), metadata_encoding="gbk")
    name = f"{channels['alipay']['seller_id']}0156_{day.replace('-', '')}_业务明细"
    assert archive.namelist() == [f"{name}.csv", f"{name}(汇总).csv"]
    lines = archive.read(f"{name}.csv").decode("gbk").split("\r\n")
    assert lines[0] == "#支付宝业务明细查询"
    rows = [line.split(",") for line in lines if line and line[0] != "#"]
    assert [len(row) for row in rows] == [25, 25, 25]
    assert (rows[1][0], rows[1][1], rows[1][2]) == (f"{paid['trade_no']}\t", "rp0001\t", "交易\t")
    assert [rows[1][11], rows[2][11], rows[2][21]] == ["12.34", "-2.34", "r1\t"]
    assert lines[-4] == "#交易合计：1笔，商家实收共12.34元，商家优惠共0.00元"
    assert lines[-3] == "#退款合计：1笔，商家实收退款共-2.34元，商家优惠退款共0.00元"
    assert ask("2020-01-01")["sub_code"] == "isp.bill_not_exist"


def test_without_its_private_key_alipay_cannot_be_played_and_says_so(
    live, channels_file, tmp_path, settings
):
    for path in channels_file.parent.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "alipay_platform_private.pem").unlink()
    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"

    answer = requests.get(f"{live}/sandbox/alipay/gateway.do", timeout=20)
    page = requests.get(f"{live}/sandbox/", timeout=20)

    assert answer.status_code == 503
    assert "alipay_platform_private.pem is missing" in answer.text
    assert page.status_code == 200
    assert "alipay_platform_private.pem is missing" in page.text


def test_the_returned_address_needs_no_query_of_its_own(sdk, pay, merchant):
    query = sdk.api_alipay_trade_wap_pay(
        subject="x", out_trade_no="rp0005", total_amount="1.00", return_url="https://shop.example/"
    )

    paid = pay(
        pay_type="alipay", pay_params={"url": f"https://gateway.example/?{query}"}, notify=False
    )

    assert parse_qs(paid["result"])["out_trade_no"] == ["rp0005"]
