"""UnionPay 5.1.0, checked by a client of our own: chain, signature, raw answers."""

import hashlib
import io
import json
import zipfile
import zlib
from base64 import b64decode, b64encode
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import pkcs12
from django.utils import timezone

from sandbox import manners
from sandbox.bills import settle_day
from sandbox.models import SandboxTrade
from sandbox.trades import beijing

pytestmark = pytest.mark.once


class Client:
    def __init__(self, live: str, ours: dict, folder, backs: str):
        self.base, self.ours, self.folder, self.back = (
            f"{live}/sandbox/unionpay",
            ours,
            folder,
            backs,
        )
        pfx = (folder / "unionpay_merchant.pfx").read_bytes()
        password = ours["merchant_pfx_password"].encode()
        self.key, _, _ = pkcs12.load_key_and_certificates(pfx, password)
        now = timezone.now()
        self.time = beijing(now, "%Y%m%d%H%M%S")
        self.ends = beijing(now + timedelta(minutes=15), "%Y%m%d%H%M%S")

    def signed(self, **fields: str) -> dict[str, str]:
        usual = {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "certId": self.ours["merchant_cert_id"],
            "merId": self.ours["mer_id"],
            "accessType": "0",
            "channelType": "08",
            "bizType": "000201",
            "txnTime": self.time,
        }
        fields = usual | fields
        text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
        digest = hashlib.sha256(text.encode()).hexdigest().encode()
        fields["signature"] = b64encode(self.key.sign(digest, PKCS1v15(), hashes.SHA256())).decode()
        return fields

    def order(self, number="rporder0001", fen="1234", **more: str) -> dict[str, str]:
        usual = {
            "txnType": "01",
            "txnSubType": "01",
            "orderId": number,
            "txnAmt": fen,
            "currencyCode": "156",
            "backUrl": self.back,
            "payTimeout": self.ends,
        }
        return self.signed(**usual | more)

    def post(self, path: str, fields: dict[str, str]) -> dict[str, str]:
        answer = requests.post(f"{self.base}/{path}", data=fields, timeout=20)
        assert answer.status_code == 200, answer.text
        said = dict(part.split("=", 1) for part in answer.text.split("&"))
        self.verify(said)
        return said

    def query(self, number="rporder0001") -> dict[str, str]:
        fields = self.signed(txnType="00", txnSubType="00", orderId=number)
        return self.post("gateway/api/queryTrans.do", fields)

    def refund(self, number: str, fen: str, query_id: str) -> dict[str, str]:
        fields = self.signed(
            txnType="04", txnSubType="00", orderId=number, txnAmt=fen, origQryId=query_id
        )
        return self.post("gateway/api/backTransReq.do", fields)

    def verify(self, fields: dict[str, str]) -> None:
        fields = dict(fields)
        signature = b64decode(fields.pop("signature"))
        leaf = x509.load_pem_x509_certificate(fields["signPubKeyCert"].encode())
        middle = (self.folder / "unionpay_middle.pem").read_bytes()
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(middle))
        text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
        digest = hashlib.sha256(text.encode()).hexdigest().encode()
        leaf.public_key().verify(signature, digest, PKCS1v15(), hashes.SHA256())


@pytest.fixture
def client(live, channels, channels_file, merchant) -> Client:
    return Client(live, channels["unionpay"], channels_file.parent, merchant.url)


def test_an_apps_order_is_paid_notified_and_queried(client, pay, merchant, channels_file):
    made = client.post("gateway/api/appTransReq.do", client.order(reqReserved="any thing"))
    assert (made["respCode"], len(made["tn"])) == ("00", 21)
    assert client.query()["respCode"] == "34"

    paid = pay(pay_type="unionpay", pay_params={"tn": made["tn"]}, lag_s=0, inside=True)

    found = client.query()
    assert (found["respCode"], found["origRespCode"]) == ("00", "00")
    assert (found["txnAmt"], found["queryId"]) == ("1234", paid["trade_no"])
    [(_, body)] = merchant.got
    notice = dict(parse_qsl(body.decode(), strict_parsing=True))
    client.verify(notice)
    assert (notice["respCode"], notice["orderId"], notice["txnAmt"]) == (
        "00",
        "rporder0001",
        "1234",
    )
    assert (notice["queryId"], notice["reqReserved"]) == (paid["trade_no"], "any thing")
    # The control's result is signed over the hex digest of its data, SHA-1 as the SDKs verify it.
    result = json.loads(paid["result"])
    folder = channels_file.parent
    leaf = x509.load_pem_x509_certificate((folder / "unionpay_sign_cert.pem").read_bytes())
    assert result["data"] == f"pay_result=success&tn={made['tn']}&cert_id={leaf.serial_number}"
    digest = hashlib.sha1(result["data"].encode()).hexdigest().encode()
    leaf.public_key().verify(b64decode(result["sign"]), digest, PKCS1v15(), hashes.SHA1())


def test_a_form_leads_to_the_cashier_and_is_posted_back(client, pay):
    form = client.order(channelType="07", frontUrl="https://shop.example/back")

    page = requests.post(f"{client.base}/gateway/api/frontTransReq.do", data=form, timeout=20)
    assert page.status_code == 200
    assert "/sandbox/cashier/" in page.url
    pay(pay_type="unionpay", order_no="rporder0001", notify=False)
    done = requests.get(f"{page.url}/done", timeout=20)

    assert 'action="https://shop.example/back" method="post"' in done.text
    assert "form-action 'self' https://shop.example;" in done.headers["Content-Security-Policy"]
    assert "Refresh" not in done.headers


def test_the_same_form_may_be_paid_by_its_fields(client, pay):
    form = client.order(channelType="07")

    paid = pay(pay_type="unionpay", pay_params={"url": "x", "fields": form}, notify=False)

    client.verify(dict(parse_qsl(paid["result"])))
    assert client.query()["origRespCode"] == "00"


def test_a_code_is_given_for_scanning(client):
    fields = client.signed(
        txnType="01",
        txnSubType="07",
        orderId="rporder0001",
        txnAmt="1",
        currencyCode="156",
        backUrl=client.back,
    )

    made = client.post("gateway/api/backTransReq.do", fields)

    assert requests.get(made["qrCode"], timeout=20).status_code == 200


def test_what_the_merchant_did_not_sign_is_refused(client):
    path = "gateway/api/appTransReq.do"

    assert client.post(path, client.order() | {"txnAmt": "1"})["respCode"] == "11"
    assert client.post(path, client.order(certId="1"))["respCode"] == "11"
    assert client.post(path, client.order(merId="1"))["respCode"] == "10"
    assert client.post(path, client.order(signMethod="11"))["respCode"] == "10"
    assert client.post(path, client.order(currencyCode="840"))["respCode"] == "10"
    assert SandboxTrade.objects.count() == 0


def test_after_its_time_an_order_is_neither_payable_nor_known(client, pay):
    client.post("gateway/api/appTransReq.do", client.order())
    SandboxTrade.objects.update(expires_at=timezone.now())

    pay(status=409, pay_type="unionpay", order_no="rporder0001")

    assert client.query()["respCode"] == "34"


def test_a_payment_on_its_way_is_being_worked_on(client, pay):
    client.post("gateway/api/appTransReq.do", client.order())

    pay(pay_type="unionpay", order_no="rporder0001", arrives_s=3600, notify=False)

    found = client.query()
    assert (found["respCode"], found["origRespCode"]) == ("00", "05")


def test_refunds_keep_within_the_payment_and_repeat_by_number(client, pay):
    client.post("gateway/api/appTransReq.do", client.order())
    paid = pay(pay_type="unionpay", order_no="rporder0001", notify=False)["trade_no"]

    first = client.refund("rprefund001", "234", paid)
    assert first["respCode"] == "00"
    assert client.refund("rprefund001", "234", paid)["queryId"] == first["queryId"]
    assert client.refund("rprefund001", "235", paid)["respCode"] == "12"
    assert client.refund("rprefund002", "1001", paid)["respCode"] == "36"
    assert client.query("rprefund001")["origRespCode"] == "00"
    manners.change_defaults({"refund": "pending", "refund_s": 3600})
    assert client.refund("rprefund003", "1000", paid)["respCode"] == "00"
    assert client.query("rprefund003")["origRespCode"] == "05"


def test_the_days_file_has_fixed_widths(client, pay):
    client.post("gateway/api/appTransReq.do", client.order())
    paid = pay(pay_type="unionpay", order_no="rporder0001", notify=False)["trade_no"]
    refunded = client.refund("rprefund001", "234", paid)["queryId"]
    at = SandboxTrade.objects.get().paid_at
    ask = client.signed(
        bizType="000000",
        txnType="76",
        txnSubType="01",
        fileType="00",
        settleDate=f"{settle_day(at):%m%d}",
    )

    said = client.post("", ask)

    packed = zlib.decompress(b64decode(said["fileContent"]))
    archive = zipfile.ZipFile(io.BytesIO(packed))
    mer_id = client.ours["mer_id"]
    assert said["fileName"] == f"{mer_id}_{settle_day(at):%Y%m%d}.zip"
    assert archive.namelist() == [f"INN{settle_day(at):%y%m%d}88ZM_{mer_id}"]
    lines = archive.read(archive.namelist()[0]).split(b"\r\n")
    widths = [3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32]
    widths += [1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98]

    def fields(line: bytes) -> list[str]:
        found, at = [], 0
        for width in widths:
            found.append(line[at : at + width].decode("gbk").strip())
            at += width + 1
        assert at == len(line) + 1
        return found

    payment, refund = fields(lines[0]), fields(lines[1])
    assert [payment[n - 1] for n in (7, 10, 12, 20, 28)] == [
        "000000001234",
        paid,
        "rporder0001",
        "01",
        mer_id,
    ]
    assert [refund[n - 1] for n in (7, 10, 12, 20, 27, 41)] == [
        "000000000234",
        refunded,
        "rprefund001",
        "04",
        paid,
        "rporder0001",
    ]
    other = client.signed(txnType="76", txnSubType="01", fileType="00", settleDate="9999")
    assert client.post("", other)["respCode"] == "10"


@pytest.mark.parametrize(
    ("fault", "numbers"),
    [
        ("", ["rporder0001", "rporder0002"]),
        ("missing", ["rporder0002"]),
        ("extra", ["rporder0001", "rporder0002", "unknown0order"]),
        ("doubled", ["rporder0001", "rporder0001", "rporder0002"]),
        ("wrong", ["rporder0001", "rporder0002"]),
    ],
)
def test_the_file_is_wrong_on_demand(client, pay, fault, numbers):
    for number in ("rporder0001", "rporder0002"):
        client.post("gateway/api/appTransReq.do", client.order(number))
        pay(pay_type="unionpay", order_no=number, notify=False)
    manners.change_defaults({"bill": fault})
    day = f"{settle_day(SandboxTrade.objects.first().paid_at):%m%d}"
    ask = client.signed(txnType="76", txnSubType="01", fileType="00", settleDate=day)

    packed = zlib.decompress(b64decode(client.post("", ask)["fileContent"]))

    archive = zipfile.ZipFile(io.BytesIO(packed))
    lines = archive.read(archive.namelist()[0]).decode("gbk").splitlines()
    assert [line[112:144].strip() for line in lines] == numbers
    amounts = [int(line[66:78]) for line in lines]
    assert amounts == [1235 if fault == "wrong" and not n else 1234 for n in range(len(lines))]


def test_a_number_is_taken_once(client):
    """Whatever it is sent for again: a lost answer is not given again either."""
    assert client.post("gateway/api/appTransReq.do", client.order())["respCode"] == "00"

    again = client.post("gateway/api/appTransReq.do", client.order())
    as_code = client.post("gateway/api/backTransReq.do", client.order(txnSubType="07"))
    assert (again["respCode"], as_code["respCode"]) == ("12", "12")
    assert SandboxTrade.objects.get().scene == "app"


def test_a_pages_form_may_be_posted_again_as_it_is(client, live):
    form = client.order(frontUrl="https://shop.example/back")
    door = f"{live}/sandbox/unionpay/gateway/api/frontTransReq.do"

    for _ in range(2):
        answer = requests.post(door, data=form, timeout=20, allow_redirects=False)
        assert answer.status_code == 302
    assert client.post("gateway/api/frontTransReq.do", client.order(fen="1"))["respCode"] == "12"
