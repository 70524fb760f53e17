import base64
import hashlib
import json
import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from django.utils import timezone

from payments.channels import base, config, registry, wire
from payments.channels.unionpay import plain_pairs
from payments.states import PayType, Scene
from payments.tests.channel_case import HOSTILE, assert_clean, order, paid, refund, spoilt, wanted
from testing import other_side as side

pytestmark = pytest.mark.once

PAID = paid(
    "592611251159400000018",
    wire.moment("20261125115958", wire.COMPACT),
    merchant="777290058110048",
    pay_type=PayType.UNIONPAY,
    begun_at=wire.moment("20261125115940", wire.COMPACT),
)


@pytest.fixture
def union(keys):
    return registry.channel(PayType.UNIONPAY)


def heard(union, fields, now=side.NOW):
    return union.notice(base.Notice(side.body(fields), {}), now)


def says(there, **changes):
    there.answer = lambda asked: (200, {}, side.unionpay_answer(**changes))


def asked_of(there, at=0) -> dict[str, str]:
    """What we sent, once its signature holds."""
    fields = dict(parse_qsl(there.asked[at].body.decode(), keep_blank_values=True))
    check(fields)
    return fields


def check(fields):
    digest = hashlib.sha256(side.joined(fields, "signature")).hexdigest()
    side.verify("unionpay-merchant", digest.encode(), fields["signature"])
    assert fields["certId"] == str(side.merchant().serial_number)
    assert (fields["version"], fields["signMethod"], fields["encoding"]) == ("5.1.0", "01", "UTF-8")


# --- Notifications ------------------------------------------------------------------------------
@pytest.mark.parametrize("code", ["00", "A6"])
def test_a_genuine_payment_is_understood(union, code):
    assert heard(union, side.unionpay_fields(respCode=code)) == PAID


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"respCode": "05"}, "txnType 01, respCode 05"),
        ({"txnType": "04"}, "txnType 04, respCode 00"),
        ({"txnType": "31"}, "txnType 31, respCode 00"),
    ],
)
def test_what_tells_of_no_payment_is_noted(union, changes, noted):
    said = heard(union, side.unionpay_fields(**changes))

    assert said == base.Noted("hb0001", PAID.trade_no, noted)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("00", base.RefundState.DONE),
        ("A6", base.RefundState.DONE),
        ("64", base.RefundState.PENDING),
    ],
)
def test_what_tells_of_a_refund_names_it(union, code, state):
    """Its order number is the refund's; the payment's is the original query number."""
    refunded = {"txnType": "04", "orderId": "rf1", "origQryId": PAID.trade_no, "txnAmt": "234"}
    says = f"txnType 04, respCode {code}"

    said = heard(union, side.unionpay_fields(respCode=code, **refunded))

    answer = base.RefundAnswer(state, says, PAID.paid_at)
    assert said == base.Returned("rf1", PAID.trade_no, says, "rf1", answer, Decimal("2.34"))


@pytest.mark.parametrize("name", [*side.UNIONPAY_NOTICE, "signPubKeyCert", "signature"])
def test_every_field_counts(union, name):
    for body in spoilt(side.unionpay_fields(), name):
        with pytest.raises(base.Forged):
            union.notice(base.Notice(body, {}), side.NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"merId": "777290058110049"},
        {"currencyCode": "840"},
        {"txnAmt": "0"},
        {"txnAmt": "-1234"},
        {"txnAmt": "12.34"},
        {"txnAmt": "１２"},
        {"txnAmt": "01234"},
        {"txnAmt": "9" * 5000},
        {"orderId": ""},
        {"queryId": "x" * 65},
        {"version": "5.0.0"},
        {"signMethod": "11"},
        {"signMethod": "12"},
        {"encoding": "GBK"},
        {"txnTime": ""},
        {"txnTime": "never"},
        {"txnTime": "20261325115940"},
        {"signPubKeyCert": ""},
        {"signPubKeyCert": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
    ],
)
def test_a_genuine_signature_under_nonsense_is_refused(union, changes):
    with pytest.raises(base.Forged):
        heard(union, side.unionpay_fields(**changes))


def test_a_digest_with_an_empty_secret_is_no_signature(union):
    """signMethod 11 is an HMAC-like digest: whoever accepts it without a secret accepts anybody."""
    fields = {**side.UNIONPAY_NOTICE, "signMethod": "11"}
    secret = hashlib.sha256(b"").hexdigest()
    content = side.joined(fields) + b"&" + secret.encode()

    with pytest.raises(base.Forged):
        heard(union, {**fields, "signature": hashlib.sha256(content).hexdigest()})


# --- Whose certificate --------------------------------------------------------------------------
def impostors():
    yield "self-signed", side.certificate(side.HOLDER, "unionpay")
    yield (
        "another root",
        side.certificate(
            side.HOLDER, "unionpay", side.certificate("Middle CA", "stranger", ca=True), "stranger"
        ),
    )
    yield (
        "the middle one's name without its key",
        side.certificate(side.HOLDER, "unionpay", side.middle(), "stranger"),
    )
    yield "by the root itself", side.certificate(side.HOLDER, "unionpay", side.root(), "root")
    for name in (
        "041@831@某某科技有限公司@00016493",
        "041@中国银联股份有限公司@831@00016493",
        "041@831@x中国银联股份有限公司@1",
        "中国银联股份有限公司x",
        "041@中国银联股份有限公司",
    ):
        yield name, side.certificate(name, "unionpay", side.middle(), "middle")
    yield (
        "an authority",
        side.certificate(side.HOLDER, "unionpay", side.middle(), "middle", ca=True),
    )
    yield (
        "not for signing",
        side.certificate(side.HOLDER, "unionpay", side.middle(), "middle", signs=False),
    )
    yield (
        "expired",
        side.certificate(
            side.HOLDER,
            "unionpay",
            side.middle(),
            "middle",
            ends=datetime(2026, 11, 25, tzinfo=UTC),
        ),
    )
    yield (
        "not yet",
        side.certificate(
            side.HOLDER,
            "unionpay",
            side.middle(),
            "middle",
            begins=datetime(2026, 11, 26, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize("index", range(13))
def test_certificates_that_are_not_believed(union, index):
    name, cert = list(impostors())[index]

    with pytest.raises(base.Forged, match="signPubKeyCert"):
        heard(union, side.unionpay_fields(cert=cert))
    assert len(list(impostors())) == 13, name


def test_a_leaf_of_a_leaf_is_not_believed(union):
    """The genuine holder's certificate may not issue others."""
    cert = side.certificate(side.HOLDER, "stranger", side.leaf(), "unionpay")

    with pytest.raises(base.Forged, match="signPubKeyCert"):
        heard(union, side.unionpay_fields(by="stranger", cert=cert))


def test_the_certificate_of_one_and_the_key_of_another(union):
    with pytest.raises(base.Forged, match="does not hold"):
        heard(union, side.unionpay_fields(by="stranger"))


def test_a_plain_common_name_is_taken_whole(union):
    cert = side.certificate("中国银联股份有限公司", "unionpay", side.middle(), "middle")

    assert heard(union, side.unionpay_fields(cert=cert)) == PAID


def test_the_chain_ends_with_its_authorities(union):
    with pytest.raises(base.Forged, match="root certificate is not valid"):
        heard(union, side.unionpay_fields(), now=datetime(2056, 1, 2, tzinfo=UTC))


def test_the_acknowledgements(union):
    assert (union.acknowledge(accepted=True).status, union.acknowledge(accepted=True).body) == (
        200,
        b"ok",
    )
    assert union.acknowledge(accepted=False).status == 400


# --- Synchronous results ------------------------------------------------------------------------
def sdk_result(tn="tn1", word="success", by="unionpay-app") -> str:
    data = f"pay_result={word}&tn={tn}&cert_id=69026276696"
    digest = hashlib.sha1(data.encode()).hexdigest().encode()
    signature = side.key(by).sign(digest, padding.PKCS1v15(), hashes.SHA1())
    return json.dumps({"sign": base64.b64encode(signature).decode(), "data": data})


def test_a_page_returns_with_a_signed_form(union):
    fresh = side.body(side.unionpay_fields()).decode()

    union.result(order(), fresh)
    for wrong in (
        side.unionpay_fields(by="stranger"),
        side.unionpay_fields(orderId="hb0002"),
        side.unionpay_fields(txnAmt="1235"),
        side.unionpay_fields(respCode="05"),
        side.unionpay_fields(txnType="04"),
    ):
        with pytest.raises(base.Forged):
            union.result(order(), side.body(wrong).decode())


def test_the_apps_word_is_hearsay_without_its_certificate(union):
    ours = order(pay_params={"tn": "tn1"})

    union.result(ours, "success")
    union.result(ours, sdk_result(by="stranger"))
    for wrong in (sdk_result(tn="tn2"), sdk_result(word="cancel"), "{}", "cancel", "", "a=\ud800"):
        with pytest.raises(base.Forged):
            union.result(ours, wrong)


def test_the_apps_result_is_verified_with_its_certificate(keys):
    ours = order(pay_params={"tn": "tn1"})
    (keys / "app.pem").write_bytes(side.pem(side.certificate("app", "unionpay-app")))
    found = json.loads((keys / "channels.json").read_text())
    found["unionpay"]["app_verify_cert_file"] = "app.pem"
    (keys / "channels.json").write_text(json.dumps(found))
    config.kept.forget()
    union = registry.channel(PayType.UNIONPAY)

    union.result(ours, sdk_result())
    with pytest.raises(base.Forged):
        union.result(ours, sdk_result(by="stranger"))


# --- Orders -------------------------------------------------------------------------------------
def test_an_app_gets_a_number(union, there):
    says(there, tn="862478462348761234567")

    assert union.create(order(), wanted()) == {"tn": "862478462348761234567"}
    said = asked_of(there)
    assert there.asked[0].path == "/gateway/api/appTransReq.do"
    assert (said["txnType"], said["txnSubType"], said["bizType"]) == ("01", "01", "000201")
    assert (said["txnTime"], said["payTimeout"]) == ("20261125115940", "20261125121440")
    assert (said["txnAmt"], said["currencyCode"]) == ("1234", "156")
    assert said["backUrl"] == wanted().notify_url


def test_a_screen_gets_a_qr_code(union, there):
    says(there, qrCode="https://qr.95516.com/00010000/1")

    assert union.create(order(), wanted(Scene.NATIVE)) == {
        "qr_code": "https://qr.95516.com/00010000/1"
    }
    said = asked_of(there)
    assert there.asked[0].path == "/gateway/api/backTransReq.do"
    assert (said["txnType"], said["txnSubType"]) == ("01", "07")


def test_a_page_gets_a_signed_form(union, there):
    params = union.create(order(), wanted(Scene.H5))

    check(params["fields"])
    assert params["url"] == f"{there.url}/gateway/api/frontTransReq.do"
    assert params["fields"]["frontUrl"] == "https://pay.example/back?a=1"
    assert there.asked == []


def test_a_number_that_was_sent_before_is_a_double(union, there):
    says(there, respCode="12")

    for scene in (Scene.APP, Scene.NATIVE):
        with pytest.raises(base.Reused, match="12"):
            union.create(order(), wanted(scene))


def test_the_description_is_clean_and_fits(union):
    for hostile in HOSTILE:
        said = union.create(order(), wanted(Scene.H5, hostile))["fields"]
        check(said)
        assert_clean(said["orderDesc"], 32)


def test_create_is_refused_or_unanswered(union, there):
    says(there, respCode="36")
    with pytest.raises(base.Refused, match="36"):
        union.create(order(), wanted())

    says(there, respCode="06")
    with pytest.raises(base.ChannelDown):
        union.create(order(), wanted())


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"origRespCode": "00"}, base.State.PAID),
        ({"origRespCode": "A6"}, base.State.PAID),
        ({"origRespCode": "03"}, base.State.PENDING),
        ({"origRespCode": "05"}, base.State.PENDING),
        ({"origRespCode": "01"}, base.State.PENDING),  # a try that failed: another one may follow
        ({"respCode": "34"}, base.State.UNKNOWN),
    ],
)
def test_query(union, there, changes, state):
    says(there, **changes)
    recent = order(expire_time=timezone.now() + timedelta(minutes=1))

    found = union.query(recent)

    assert found.state == state
    assert found.payment == (PAID if state == base.State.PAID else None)
    said = asked_of(there)
    assert (said["txnType"], said["orderId"], said["txnTime"]) == ("00", "hb0001", "20261125115940")


@pytest.mark.parametrize(
    ("changes", "ended_s", "state"),
    [
        ({"respCode": "34"}, -60, base.State.PENDING),
        ({"respCode": "34"}, 240, base.State.PENDING),
        ({"respCode": "34"}, 360, base.State.CLOSED),
        ({"origRespCode": "01"}, 240, base.State.PENDING),
        ({"origRespCode": "01"}, 360, base.State.CLOSED),
        ({"origRespCode": "05"}, 86400, base.State.PENDING),  # they do not know it themselves
        ({"origRespCode": "00"}, 86400, base.State.PAID),
    ],
)
def test_close_is_the_time_out_and_then_a_query(union, there, changes, ended_s, state):
    ends = timezone.now() - timedelta(seconds=ended_s)
    ours = order(expire_time=ends, add_time=ends - timedelta(minutes=15))
    says(there, txnTime=wire.local(ours.add_time, wire.COMPACT), **changes)

    answer = union.close(ours)

    assert answer.state == state


@pytest.mark.parametrize(
    "changes",
    [
        {"by": "stranger", "origRespCode": "00"},
        {"origRespCode": "00", "orderId": "hb0002"},
        {"origRespCode": "00", "txnTime": "20261125115941"},
        {"origRespCode": "00", "merId": "1"},
        {"origRespCode": "00", "currencyCode": "840"},
        {},  # says nothing of the payment
        {"respCode": "11"},
        {"respCode": "06"},
    ],
)
def test_answers_that_are_not_believed(union, there, changes):
    says(there, **changes)

    with pytest.raises(base.ChannelDown):
        union.query(order())


@pytest.mark.parametrize("body", [b"", b"<html>", b"a=1&a=2", b"a=1&b", b"\xff=1"])
def test_answers_that_are_none(union, there, body):
    there.answer = lambda asked: (200, {}, body)

    with pytest.raises(base.ChannelDown):
        union.query(order())


def test_answers_are_read_as_they_stand():
    assert plain_pairs(b"a={b=1&c={d=2}}&e=[f&g]&h=x%20y+z==") == {
        b"a": b"{b=1&c={d=2}}",
        b"e": b"[f&g]",
        b"h": b"x%20y+z==",
    }


# --- Refunds and bills --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("00", base.RefundState.PENDING),  # accepted; whether it is done, the query says
        ("05", base.RefundState.PENDING),
        ("12", base.RefundState.PENDING),
        ("36", base.RefundState.REFUSED),
    ],
)
def test_refund(union, there, code, state):
    says(there, respCode=code)

    assert union.refund(refund()).state == state
    said = asked_of(there)
    assert (said["txnType"], said["orderId"], said["origQryId"]) == ("04", "rf0001", "T0001")
    assert (said["txnAmt"], said["txnTime"]) == ("234", "20261125130000")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"origRespCode": "00"}, base.RefundState.DONE),
        ({"origRespCode": "03"}, base.RefundState.PENDING),
        ({"origRespCode": "64"}, base.RefundState.FAILED),
        ({"respCode": "34"}, base.RefundState.UNKNOWN),
    ],
)
def test_query_of_a_refund(union, there, changes, state):
    says(there, orderId="rf0001", txnTime="20261125130000", **changes)

    assert union.query_refund(refund()).state == state


def test_bill(union, there):
    packed = base64.b64encode(zlib.compress(b"PK the zip")).decode()
    says(there, fileContent=packed, txnType="76")

    assert union.bill(date(2026, 11, 24)) == b"PK the zip"
    assert there.asked[0].path == "/fileTransfer/"
    assert asked_of(there)["settleDate"] == "1124"


def test_bills_that_are_none(union, there):
    says(there, respCode="98")
    with pytest.raises(base.Refused, match="98"):
        union.bill(date(2026, 11, 24))

    for content in (
        "",
        "!",
        base64.b64encode(b"x").decode(),
        base64.b64encode(zlib.compress(b"a" * 99)[:-5]).decode(),
    ):
        says(there, fileContent=content)
        with pytest.raises(base.ChannelDown):
            union.bill(date(2026, 11, 24))


@pytest.mark.parametrize(
    ("begun", "traced", "paid"),
    [
        ("20261231235950", "0101000010", "20270101000010"),
        ("20270101000002", "1231235959", "20261231235959"),  # their clock is three seconds behind
        ("20270101000002", "0101000005", "20270101000005"),
    ],
)
def test_the_payment_of_new_years_eve(union, begun, traced, paid):
    said = heard(union, side.unionpay_fields(txnTime=begun, traceTime=traced))

    assert said.paid_at == wire.moment(paid, wire.COMPACT)
