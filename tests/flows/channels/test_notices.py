"""Hundreds of notifications made from one genuine one: nothing moves but the genuine word itself.

Each is posted to the real view. After each channel's round the genuine message still does its work,
so that none of the refusals is the refusal of everything.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from django.apps import apps
from django.test import Client
from django.utils import timezone

from payments.models import Case, ChannelRefund, Notification, PaymentOrder
from payments.states import PAY_TYPE_OF, CaseStatus, RefundStatus
from sandbox import keys, notices
from sandbox.models import SandboxNotice
from tests.flows.channels.signer import (
    Message,
    WeChat,
    alipay,
    certificate,
    fields_of,
    form,
    rsa_sign,
    stranger,
    unionpay,
    wechat,
)
from tests.flows.channels.story import Shop, money

# What a refusal looks like on each channel: status and body.
REFUSED = {
    "alipay": (200, b"failure"),
    "wechat": (400, json.dumps({"code": "FAIL", "message": "失败"}, ensure_ascii=False).encode()),
    "unionpay": (400, b"fail"),
}
TAKEN = {"alipay": (200, b"success"), "wechat": (204, b""), "unionpay": (200, b"ok")}
OURS = ("payments", "packets", "wallets", "kit")


def genuine(shop: Shop, order: dict) -> Message:
    """The notification of a payment, as the sandbox would send it in a minute."""
    shop.paid(order, lag_s=60)
    notice = SandboxNotice.objects.select_related("trade", "refund").latest("pk")
    return notices.PLAYS[PAY_TYPE_OF[shop.word]].notification(notice, timezone.now())


def post(shop: Shop, message: Message):
    headers, body = message
    headers = dict(headers)
    kind = headers.pop("Content-Type", "application/octet-stream")
    return Client().post(
        f"/api/v1/payments/notify/{shop.word}", body, content_type=kind, headers=headers
    )


def rows() -> dict[str, list]:
    """Everything that we keep, but the notifications themselves."""
    models = [model for name in OURS for model in apps.get_app_config(name).get_models()]
    return {
        model.__name__: list(model.objects.order_by("pk").values_list())
        for model in models
        if model is not Notification
    }


def heard() -> str:
    return Notification.objects.latest("pk").outcome


def play(shop: Shop, spoilt: Iterator[tuple[str, Message]], outcome: str) -> int:
    """Post them all; each is answered, kept, and moves nothing. How many they were."""
    before, count = rows(), 0
    expected = (TAKEN if outcome == "noted" else REFUSED)[shop.word]
    for name, message in spoilt:
        answer = post(shop, message)
        assert (answer.status_code, answer.content) == expected, name
        assert heard() == outcome, name
        count += 1
    assert rows() == before
    return count


def finish(shop: Shop, packet: str, message: Message) -> None:
    answer = post(shop, message)
    assert (answer.status_code, answer.content) == TAKEN[shop.word]
    assert heard() == "confirmed"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")


# --- What every form suffers ----------------------------------------------------------------------

BODIES = {
    "empty": b"",
    "one letter": b"a",
    "only an ampersand": b"&",
    "only an equals sign": b"=",
    "a name without a value": b"sign",
    "bytes of no charset": b"\xff\xfe\x00\x80=\xff",
    "NUL": b"\x00=\x00",
    "JSON": b'{"trade_status": "TRADE_SUCCESS"}',
    "XML": b"<xml><return_code>SUCCESS</return_code></xml>",
    "half an escape": b"a=%E4%B8&b=%",
    "a thousand fields": b"&".join(b"f%d=1" % number for number in range(1000)),
    "sixty kilobytes": b"a=" + b"x" * 60_000,
}


def spoilt_forms(message: Message, signature: str, sign) -> Iterator[tuple[str, Message]]:
    """Of each field: changed, emptied, dropped, doubled; all of it signed by a stranger."""
    headers, body = message
    fields = fields_of(body)
    for name, value in fields.items():
        swapped = f"{chr(ord(value[0]) ^ 1)}{value[1:]}" if value else "x"
        yield f"changed {name}", form(fields | {name: swapped})
        yield f"longer {name}", form(fields | {name: f"{value}0"})
        yield f"with a blank {name}", form(fields | {name: f" {value}"})
        yield f"emptied {name}", form(fields | {name: ""})
        yield f"dropped {name}", form({k: v for k, v in fields.items() if k != name})
        yield f"doubled {name}", form([*fields.items(), (name, value)])
        yield f"doubled {name}, other first", form([(name, swapped), *fields.items()])
        yield (
            f"renamed {name}",
            form({(k.upper() if k == name else k): v for k, v in fields.items()}),
        )
        if name != signature:
            yield f"{name} signed by a stranger", sign(fields | {name: swapped}, key=stranger())
    yield "signed by a stranger", sign(fields, key=stranger())
    yield "a field more", form(fields | {"more": "1"})
    yield "an array", form(fields | {f"{signature}[]": fields[signature]})
    right = fields[signature]
    for name, wrong in {
        "no base64": "!" * len(right),
        "cut off": right[:-4],
        "in lower case": right.lower(),
        "with a line end": f"{right}\n",
        "twice": right + right,
        "very long": right * 40,
        "one of nothing": rsa_sign(stranger(), b""),
    }.items():
        yield f"signature {name}", form(fields | {signature: wrong})
    for name, content in BODIES.items():
        yield name, (headers, content)


# --- Alipay ---------------------------------------------------------------------------------------

AMOUNTS = ("1e1", "-6.00", "0", "0.00", "6.000", " 6.00", "6.00 ", "+6.00", "06.00", "6,00", "NaN")
AMOUNTS += ("Infinity", "６.00", "0x6", "", "6.", ".6", "9" * 30, "6.00\n", "6/1")


def signed_nonsense_of_alipay(fields: dict[str, str]) -> Iterator[tuple[str, Message]]:
    for amount in AMOUNTS:
        yield f"amount {amount!r}", alipay(fields | {"total_amount": amount})
    for name, values in {
        "app_id": ("2021000000000000", "", fields["app_id"] + " "),
        "seller_id": ("2088000000000000", ""),
        "charset": ("iso-8859-1", "utf-16", ""),
        "out_trade_no": ("", " ", "x" * 65, "单号", "a b"),
        "trade_no": ("", "x" * 65, "\x00"),
    }.items():
        for value in values:
            yield f"{name} {value!r}", alipay(fields | {name: value})
    for name in ("app_id", "seller_id", "out_trade_no", "trade_no", "total_amount"):
        yield f"never had {name}", alipay({k: v for k, v in fields.items() if k != name})
    for word in ("RSA", "rsa2", "none", "HMAC", "MD5", "", "RSA2 "):
        yield f"sign_type {word!r}", alipay(fields | {"sign_type": word})
    yield "SHA-1 under RSA2", alipay(fields, digest=SHA1())
    yield "SHA-1 under RSA", alipay(fields | {"sign_type": "RSA"}, digest=SHA1())
    _, body = alipay(fields)
    without = {k: v for k, v in fields_of(body).items() if k != "sign_type"}
    yield "no sign_type", form(without)


def quiet_words_of_alipay(fields: dict[str, str]) -> Iterator[tuple[str, Message]]:
    for status in ("WAIT_BUYER_PAY", "TRADE_CLOSED", "trade_success", "", "TRADE_REFUND"):
        yield f"trade_status {status!r}", alipay(fields | {"trade_status": status})
    refund = {"gmt_refund": "2026-01-02 03:04:05.000", "refund_fee": "1.00", "out_biz_no": "rf1"}
    yield "a part was refunded", alipay(fields | refund)
    yield "a part was refunded, all said", alipay(fields | {"refund_fee": "6.00"})
    for kind in ("dut_user_sign", "fund_trans_order_changed", ""):
        yield f"notify_type {kind!r}", alipay(fields | {"notify_type": kind})
    gone = {key: value for key, value in fields.items() if key != "notify_type"}
    yield "no notify_type", alipay(gone)


def say_it_otherwise(shop: Shop, sign, changes: dict[str, str], content_type: str) -> None:
    """Signed, with other fields, in another order and under another type."""
    packet = shop.draft()
    fields = fields_of(genuine(shop, shop.pay(packet))[1])

    _, body = sign(fields | changes)
    shuffled = dict(reversed(fields_of(body).items()))
    finish(shop, packet, ({"Content-Type": content_type}, form(shuffled)[1]))


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": "6"},
        {"total_amount": "6.0"},
        {"trade_status": "TRADE_FINISHED"},
        {"a_new_field": "红包 & more=1", "zzz": "1"},
        {"gmt_payment": "never"},
        {"charset": "UTF-8"},
    ],
)
def test_alipay_may_say_it_otherwise(shops, changes):
    say_it_otherwise(shops("alipay"), alipay, changes, "text/plain")


@pytest.mark.parametrize(
    ("says", "charset"), [("gbk", "gbk"), ("GB2312", "gbk"), ("utf-8", "gbk"), ("gbk", "utf-8")]
)
def test_alipay_in_gbk_pays_and_credits(shops, says, charset):
    """Signed over the raw bytes, in whatever charset; even where it says another one."""
    shop = shops("alipay")
    packet = shop.draft()
    fields = fields_of(genuine(shop, shop.pay(packet))[1]) | {"subject": "红包誠", "charset": says}

    message = alipay(fields, charset=charset)
    by_a_stranger = alipay(fields, key=stranger(), charset=charset)
    assert play(shop, [("by a stranger", by_a_stranger)], "forged") == 1
    finish(shop, packet, message)


# --- WeChat Pay -----------------------------------------------------------------------------------


def spoilt_of_wechat(message: Message) -> Iterator[tuple[str, Message]]:
    """Headers, envelope and seal: changed after the signature, or signed by the wrong one."""
    headers, body = message
    for name, value in headers.items():
        if name == "Content-Type" or name == "Wechatpay-Signature-Type":
            continue
        for what, wrong in {
            "changed": f"{value[:-1]}~",
            "emptied": "",
            "longer": f"{value}0",
        }.items():
            yield f"{what} {name}", (headers | {name: wrong}, body)
        yield f"dropped {name}", ({k: v for k, v in headers.items() if k != name}, body)
    yield (
        "another scheme",
        (headers | {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}, body),
    )
    for age_s in (301, 86_400, -302, 10**9):
        yield f"{age_s} s old", wechat(body, age_s=age_s)
    for stamp in ("0", "-1", "1e9", "now", "9" * 30, "１７", " 1", str(2**63)):
        yield f"at {stamp!r}", wechat(body, Timestamp=stamp)
    probe = "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"]
    yield "the probe", (headers | {"Wechatpay-Signature": probe}, body)
    yield "by a stranger", wechat(body, key=stranger())
    own = keys.of("wechat").private("merchant_private_key_file")
    yield "by ourselves", wechat(body, key=own)
    other = keys.of("wechat")["platform_cert_serial"]
    yield "by the key of another serial", wechat(body, Serial=other)
    yield "an old serial", wechat(body, Serial="5157F09EFDC096DE15EBE81A47057A7232F1B8E1")
    for name in json.loads(body):
        envelope = json.loads(body)
        yield f"{name} changed", (headers, json.dumps(envelope | {name: "x"}).encode())
        del envelope[name]
        yield f"{name} dropped", (headers, json.dumps(envelope).encode())
    for at in range(0, len(body), 40):
        yield f"bit {at}", (headers, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
    yield "a blank more", (headers, body + b" ")
    for name, content in BODIES.items():
        yield name, (headers, content)
        if name != "sixty kilobytes":
            yield f"{name}, signed", wechat(content)


def signed_nonsense_of_wechat(body: bytes) -> Iterator[tuple[str, Message]]:
    said = WeChat.of(body)
    inside, resource = said.inside, said.envelope["resource"]
    amount = inside["amount"]
    for total in ("600", 600.0, -600, 0, None, True, [600], {"fen": 600}, 10**30, 1e400):
        changed = inside | {"amount": amount | {"total": total}}
        yield f"total {total!r}", wechat(said.body(changed))
    for name, value in {
        "no currency": {"currency": ""},
        "dollars": {"currency": "USD"},
        "cny": {"currency": "cny"},
    }.items():
        yield name, wechat(said.body(inside | {"amount": amount | value}))
    for name, values in {
        "appid": ("wx0000000000000000", "", None, 1),
        "mchid": ("1900000000", "", None, 1900000000),
        "out_trade_no": ("", "x" * 65, None, 1, "单号"),
        "transaction_id": ("", "x" * 65, None, 1),
        "amount": (None, 600, "600", [], {}),
    }.items():
        for value in values:
            yield f"{name} {value!r}", wechat(said.body(inside | {name: value}))
        gone = {key: value for key, value in inside.items() if key != name}
        yield f"never had {name}", wechat(said.body(gone))
    yield "sealed by another key", wechat(said.body(seal={"key": b"k" * 32}))
    for name, seal in {
        "no associated_data": {"associated_data": None},
        "empty associated_data": {"associated_data": ""},
        "other associated_data": {"associated_data": "refund"},
        "a number as associated_data": {"associated_data": 1},
        "another nonce": {"nonce": "0" * 12},
        "no nonce": {"nonce": None},
        "a short nonce": {"nonce": "x"},
        "no ciphertext": {"ciphertext": None},
        "half a ciphertext": {"ciphertext": resource["ciphertext"][:40]},
        "no tag": {"ciphertext": "AAAA"},
        "no base64": {"ciphertext": "***"},
        "another algorithm": {"algorithm": "AEAD_SM4_GCM"},
        "no algorithm": {"algorithm": None},
    }.items():
        yield name, wechat(said.body(seal=seal))
    for name, outer in {
        "no resource": {"resource": None},
        "a text as resource": {"resource": "x"},
        "a list as resource": {"resource": []},
        "no event_type": {"event_type": None},
        "a number as event_type": {"event_type": 1},
        "a payment as a refund": {"event_type": "REFUND.SUCCESS"},
        "a payment as a refund that is stuck": {"event_type": "REFUND.ABNORMAL"},
        "a payment as a refund that is closed": {"event_type": "REFUND.CLOSED"},
    }.items():
        yield name, wechat(said.body(**outer))
    for name, plain in {
        "nothing": b" ",
        "no JSON": b"\xff",
        "a list": b"[]",
        "deep": b"[" * 10_000,
        "mchid twice": b'{"mchid":"1","mchid":"2"}',
        "NaN": b'{"amount": NaN}',
    }.items():
        yield f"inside {name}", wechat(said.body(plain))


def quiet_words_of_wechat(body: bytes) -> Iterator[tuple[str, Message]]:
    said = WeChat.of(body)
    for state in ("NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR", "REFUND", "success", ""):
        yield f"trade_state {state}", wechat(said.body(said.inside | {"trade_state": state}))
    gone = {key: value for key, value in said.inside.items() if key != "trade_state"}
    yield "no trade_state", wechat(said.body(gone))
    for event in ("TRANSACTION.FAIL", ""):
        yield f"event_type {event}", wechat(said.body(event_type=event))


@pytest.mark.once
@pytest.mark.parametrize("mode", ["pubkey", "cert"])
def test_wechat(shops, mode):
    shop = shops(f"wechat-{mode}")
    packet = shop.draft()
    message = genuine(shop, shop.pay(packet))

    spoilt = spoilt_of_wechat(message)
    if mode == "cert":  # its own serial is the right one there
        spoilt = ((name, said) for name, said in spoilt if name != "by the key of another serial")
    forged = play(shop, spoilt, "forged")
    forged += play(shop, signed_nonsense_of_wechat(message[1]), "forged")
    assert play(shop, quiet_words_of_wechat(message[1]), "noted") == 11

    assert forged > 150
    finish(shop, packet, message)
    post(shop, message)  # the same nonce again: acknowledged, and nothing more
    assert heard() == "duplicate"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")


@pytest.mark.parametrize("how", ["more fields", "no associated_data", "no type", "299 s old"])
def test_wechat_may_say_it_otherwise(shops, how):
    shop = shops("wechat-pubkey")
    packet = shop.draft()
    said = WeChat.of(genuine(shop, shop.pay(packet))[1])

    message = {
        "more fields": lambda: wechat(said.body(said.inside | {"new": [1]}, also="new")),
        "no associated_data": lambda: wechat(
            said.body(seal={"sealed_under": "", "associated_data": None})
        ),
        "no type": lambda: wechat(said.body(), Signature_Type=None),
        "299 s old": lambda: wechat(said.body(), age_s=295),
    }[how]()
    finish(shop, packet, message)


# --- UnionPay -------------------------------------------------------------------------------------


def signed_nonsense_of_unionpay(fields: dict[str, str]) -> Iterator[tuple[str, Message]]:
    for amount in ("6.00", "1e2", "-600", "0", "0600", " 600", "600.0", "", "9" * 30, "六百"):
        yield f"txnAmt {amount!r}", unionpay(fields | {"txnAmt": amount})
    for name, values in {
        "merId": ("777290058110048", "", fields["merId"] + " "),
        "currencyCode": ("840", "", "CNY"),
        "version": ("5.0.0", "5.1.1", "", "6.0.0"),
        "signMethod": ("11", "12", "02", "", "1"),
        "encoding": ("GBK", "UTF-16"),
        "orderId": ("", "x" * 65, "a b"),
        "queryId": ("", "x" * 65),
    }.items():
        for value in values:
            yield f"{name} {value!r}", unionpay(fields | {name: value})
    for name in ("merId", "currencyCode", "version", "signMethod", "orderId", "queryId", "txnAmt"):
        yield f"never had {name}", unionpay({k: v for k, v in fields.items() if k != name})
    gone = {k: v for k, v in fields.items() if k != "txnTime"}
    yield "no txnTime", unionpay(gone)
    yield "by SHA-1", unionpay(fields, digest="sha1")
    channel = keys.of("unionpay")
    middle = channel.certificate("middle_cert_file")
    leaf = channel.certificate(keys.UNIONPAY_CERT)
    name = leaf.subject.rfc4514_string().removeprefix("CN=")
    expired = timedelta(days=-1)
    for what, own in {
        "of its own making": certificate(name),
        "under the authority's name": certificate(name, issuer=middle),
        "expired": certificate(name, ends_in=expired),
        "somebody else's": certificate("041@8310000000083040@somebody@00016493"),
    }.items():
        changed = fields | {"signPubKeyCert": own}
        yield f"certificate {what}", unionpay(changed, key=stranger())
        yield f"certificate {what}, the right key", unionpay(changed)
    for what, file in {"middle": "middle_cert_file", "root": "root_cert_file"}.items():
        pem = (channel.folder / channel[file]).read_text()
        yield f"the {what} one's certificate", unionpay(fields | {"signPubKeyCert": pem})
    for text in ("", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        yield f"certificate {text[:9]!r}", unionpay(fields | {"signPubKeyCert": text})


def quiet_of_unionpay(fields: dict[str, str]) -> Iterator[tuple[str, Message]]:
    for code in ("01", "03", "05", "34", "61", "64", "99", "", "0", "a6"):
        yield f"respCode {code}", unionpay(fields | {"respCode": code})
    for kind in ("04", "31", "00", "02", ""):
        yield f"txnType {kind}", unionpay(fields | {"txnType": kind})
    gone = {key: value for key, value in fields.items() if key != "respCode"}
    yield "no respCode", unionpay(gone)


@pytest.mark.once
@pytest.mark.parametrize(
    ("word", "signature", "sign", "nonsense", "quiet_words", "noted"),
    [
        ("alipay", "sign", alipay, signed_nonsense_of_alipay, quiet_words_of_alipay, 11),
        ("unionpay", "signature", unionpay, signed_nonsense_of_unionpay, quiet_of_unionpay, 16),
    ],
    ids=["alipay", "unionpay"],
)
def test_forms(shops, word, signature, sign, nonsense, quiet_words, noted):
    shop = shops(word)
    packet = shop.draft()
    message = genuine(shop, shop.pay(packet))
    fields = fields_of(message[1])

    forged = play(shop, spoilt_forms(message, signature, sign), "forged")
    forged += play(shop, nonsense(fields), "forged")
    assert play(shop, quiet_words(fields), "noted") == noted

    assert forged > 250
    finish(shop, packet, message)


@pytest.mark.parametrize("changes", [{"respCode": "A6"}, {"aNewField": "红包&=1"}, {"accNo": ""}])
def test_unionpay_may_say_it_otherwise(shops, changes):
    say_it_otherwise(shops("unionpay"), unionpay, changes, "application/json")


# --- Genuine, and yet nobody's --------------------------------------------------------------------


def signed_again(shop: Shop, message: Message, **changes: str) -> Message:
    """The channel's own word about another order; `number` and `amount_fen` as they are there."""
    if shop.word == "wechat":
        said = WeChat.of(message[1])
        inside = dict(said.inside)
        if "number" in changes:
            inside["out_trade_no"] = changes["number"]
        if "amount_fen" in changes:
            inside["amount"] = inside["amount"] | {"total": int(changes["amount_fen"])}
        return wechat(said.body(inside))
    fields = fields_of(message[1])
    names = {"alipay": "out_trade_no", "unionpay": "orderId"}
    if "number" in changes:
        fields[names[shop.word]] = changes["number"]
    if "amount_fen" in changes:
        yuan = f"{int(changes['amount_fen']) / 100:.2f}"
        fields |= {"total_amount": yuan} if shop.word == "alipay" else {}
        fields |= {"txnAmt": changes["amount_fen"]} if shop.word == "unionpay" else {}
    return (alipay if shop.word == "alipay" else unionpay)(fields)


def test_an_order_that_nobody_knows(shop):
    packet = shop.draft()
    message = genuine(shop, shop.pay(packet))

    for _ in range(2):
        answer = post(shop, signed_again(shop, message, number="hb20260101000000unknown"))
        assert (answer.status_code, answer.content) == TAKEN[shop.word]

    case = Case.objects.get()
    assert (case.kind, case.order_no) == ("unknown_order", "hb20260101000000unknown")
    assert money(packet, shop.word) == ("0.00", "6.00", "6.00")
    assert PaymentOrder.objects.get().status == 0


@pytest.mark.parametrize("off_s", [1, -86_400])
def test_unionpays_order_of_the_same_number_and_another_time(shops, off_s):
    """Its orders are named by number and time: this one is genuine, and not ours."""
    shop = shops("unionpay")
    packet = shop.draft()
    order = shop.pay(packet)
    message = genuine(shop, order)
    fields = fields_of(message[1])
    told = datetime.strptime(fields["txnTime"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    at = told + timedelta(seconds=off_s)

    for _ in range(2):
        answer = post(shop, unionpay(fields | {"txnTime": at.strftime("%Y%m%d%H%M%S")}))
        assert (answer.status_code, answer.content) == TAKEN[shop.word]

    assert Case.objects.get().kind == "unknown_order"
    assert shop.order(order)["status"] == "created"
    assert money(packet, shop.word) == ("0.00", "6.00", "6.00")


def test_another_channels_order(shop, shops):
    other = shops("wechat-pubkey" if shop.word != "wechat" else "alipay")
    theirs = other.pay(shop.draft())
    packet = shop.draft()
    message = genuine(shop, shop.pay(packet))

    answer = post(shop, signed_again(shop, message, number=theirs["order_no"]))

    assert (answer.status_code, answer.content) == TAKEN[shop.word]
    assert other.order(theirs)["status"] == "created"
    assert Case.objects.get().kind == "unknown_order"
    assert money(packet, shop.word) == ("0.00", "6.00", "6.00")


@pytest.mark.parametrize("amount_fen", ["1", "599", "601", "60000"])
def test_another_amount_and_then_the_right_one(shop, amount_fen):
    packet = shop.draft()
    order = shop.pay(packet)
    message = genuine(shop, order)

    post(shop, signed_again(shop, message, amount_fen=amount_fen))
    assert shop.order(order)["status"] == "created"
    assert Case.objects.get().kind == "wrong_amount"
    assert money(packet, shop.word)[0] == "0.00"
    answer = post(shop, message)

    assert (answer.status_code, answer.content) == TAKEN[shop.word]
    assert shop.order(order)["status"] == "confirmed"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00"), "one trade is one payment"
    assert (Case.objects.get().status, Case.objects.get().held) == (CaseStatus.RESOLVED, 0)
    assert ChannelRefund.objects.get().status == RefundStatus.WITHDRAWN


def test_what_is_no_post_and_what_is_too_long(shop):
    def answered(word: str, body: bytes) -> int:
        path = f"/api/v1/payments/notify/{word}"
        return Client().post(path, body, content_type="text/plain").status_code

    assert Client().get(f"/api/v1/payments/notify/{shop.word}").status_code == 405
    assert answered(shop.word, b"x" * 70_000) == 413
    assert answered("balance", b"x") == answered("nobody", b"x") == 404
    assert not Notification.objects.exists()
