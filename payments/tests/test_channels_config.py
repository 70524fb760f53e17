import json
import logging
import os

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from payments import checks
from payments.channels import config, registry
from payments.channels.alipay import Alipay
from payments.states import CHANNELS, PayType
from testing import other_side as side

pytestmark = pytest.mark.once


@pytest.fixture
def offered(tmp_path, settings):
    """All keys, and no gateway in the file."""
    settings.REDPACKET_CHANNELS_FILE = side.write_all(tmp_path)
    config.kept.forget()
    yield tmp_path
    config.kept.forget()


def change(folder, channel, **changes):
    """Settings of a channel changed (None: left out)."""
    file = folder / "channels.json"
    found = json.loads(file.read_text())
    changed = {**found[channel], **changes}
    found[channel] = {name: value for name, value in changed.items() if value is not None}
    file.write_text(json.dumps(found))
    config.kept.forget()


def look_again():
    config.kept.look_again()


def test_without_a_file_nothing_is_offered_and_nothing_is_wrong(tmp_path, settings):
    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"
    config.kept.forget()

    assert registry.offered() == []
    assert checks.check_channels() == []
    with pytest.raises(registry.NotOffered):
        registry.channel(PayType.ALIPAY)


def test_a_channel_without_settings_is_not_offered(offered):
    found = json.loads((offered / "channels.json").read_text())
    del found["wechat"]
    (offered / "channels.json").write_text(json.dumps(found))

    assert registry.offered() == [PayType.ALIPAY, PayType.UNIONPAY]
    assert isinstance(registry.channel(PayType.ALIPAY), Alipay)
    with pytest.raises(LookupError):
        registry.channel(PayType.WECHAT)
    with pytest.raises(LookupError):
        registry.channel(PayType.BALANCE)


def test_left_out_the_gateway_is_the_sandbox_in_development_and_the_real_one_in_production(
    offered, settings
):
    settings.REDPACKET_PUBLIC_URL = "http://127.0.0.1:8000"
    gateways = {pay_type: registry.channel(pay_type).settings.gateway for pay_type in CHANNELS}
    assert gateways == {
        PayType.ALIPAY: "http://127.0.0.1:8000/sandbox/alipay",
        PayType.WECHAT: "http://127.0.0.1:8000/sandbox/wechat",
        PayType.UNIONPAY: "http://127.0.0.1:8000/sandbox/unionpay",
    }

    settings.PRODUCTION = True
    config.kept.forget()
    gateways = {pay_type: registry.channel(pay_type).settings.gateway for pay_type in CHANNELS}
    assert gateways == config.REAL_GATEWAYS
    union = registry.channel(PayType.UNIONPAY).settings
    assert union.file_gateway == "https://filedownload.95516.com"


@pytest.mark.parametrize(
    ("channel", "given", "gateway"),
    [
        ("alipay", "https://openapi.alipay.com/gateway.do", "https://openapi.alipay.com"),
        ("alipay", "https://openapi.alipay.com/", "https://openapi.alipay.com"),
        ("wechat", "https://api.mch.weixin.qq.com/v3/", "https://api.mch.weixin.qq.com"),
        ("unionpay", "https://gateway.95516.com/gateway/api", "https://gateway.95516.com"),
    ],
)
def test_gateways_are_base_urls_with_or_without_what_they_all_end_in(
    offered, channel, given, gateway
):
    change(offered, channel, gateway=given)

    assert config.kept.current()[config.PAY_TYPE_OF[channel]].gateway == gateway


def test_production_talks_to_no_plain_http(offered, settings):
    settings.PRODUCTION = True
    change(offered, "alipay", gateway="http://127.0.0.1:8000/sandbox/alipay")

    with pytest.raises(ImproperlyConfigured, match="alipay: gateway must be https"):
        registry.offered()


BROKEN = [
    ("alipay", {"app_id": None}, "app_id is missing"),
    ("alipay", {"app_id": 5}, "app_id must be a string"),
    ("alipay", {"sign_type": "RSA"}, "sign_type must be RSA2"),
    ("alipay", {"app_private_key_file": None}, "app_private_key_file is missing"),
    ("alipay", {"app_private_key_file": "gone.pem"}, "gone.pem cannot be read"),
    ("alipay", {"app_private_key_file": "."}, "cannot be read"),
    ("alipay", {"app_private_key_file": "alipay_platform_public.pem"}, "no private key"),
    ("alipay", {"alipay_public_key_file": "alipay_app_private.pem"}, "no public key"),
    ("alipay", {"gateway": "ftp://x"}, "gateway is no base URL"),
    ("wechat", {"apiv3_key": "short"}, "apiv3_key must have 32"),
    ("wechat", {"mode": "both"}, 'mode must be "pubkey" or "cert"'),
    ("wechat", {"public_key_file": None}, "public_key_file is missing"),
    ("wechat", {"platform_cert_file": "wechat_platform_public.pem"}, "no certificate"),
    ("wechat", {"mode": "cert", "platform_cert_file": None}, "platform_cert_file is missing"),
    ("unionpay", {"merchant_pfx_password": "wrong"}, "no PKCS#12 file, or its password"),
    ("unionpay", {"merchant_pfx_file": "unionpay_root.pem"}, "no PKCS#12 file"),
    ("unionpay", {"middle_cert_file": "wechat_platform_cert.pem"}, "middle_cert_file does not fit"),
    ("unionpay", {"root_cert_file": "unionpay_middle.pem"}, "does not fit"),
]


@pytest.mark.parametrize(("channel", "changes", "says"), BROKEN)
def test_a_bad_key_stops_the_start_with_one_clear_line(offered, capsys, channel, changes, says):
    change(offered, channel, **changes)

    with pytest.raises(ImproperlyConfigured) as stopped:
        registry.offered()
    [error] = checks.check_channels()
    with pytest.raises(CommandError, match=f"Broken: {channel}"):
        call_command("channels", "check")

    assert says in str(stopped.value)
    assert f"{channel}: " in error.msg
    assert "\n" not in error.msg
    assert error.msg in capsys.readouterr().out
    assert "wrong" not in error.msg  # the password that was tried


@pytest.mark.parametrize("content", ["", "{", "[]", '{"alipay": 5}', '{"alipay": "x"}', "[" * 9999])
def test_a_file_that_is_no_settings(offered, content):
    (offered / "channels.json").write_text(content)

    with pytest.raises(ImproperlyConfigured, match=r"channels\.json"):
        registry.offered()
    assert len(checks.check_channels()) == 1
    with pytest.raises(CommandError):
        call_command("channels", "check")


def test_a_short_key_is_refused(offered):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    (offered / "alipay_app_private.pem").write_bytes(
        short.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    with pytest.raises(ImproperlyConfigured, match="1024 bits"):
        registry.offered()


def test_secrets_from_the_environment(offered, settings):
    settings.REDPACKET_CHANNEL_SECRETS = {
        "REDPACKET_ALIPAY_APP_PRIVATE_KEY": side.private_pem("alipay-app")
        .decode()
        .replace("\n", "\\n"),
        "REDPACKET_WECHAT_APIV3_KEY": "e" * 32,
        "REDPACKET_WECHAT_MERCHANT_PRIVATE_KEY": side.private_pem("stranger").decode(),
        "REDPACKET_UNIONPAY_PFX_PASSWORD": "000000",
    }
    change(offered, "alipay", app_private_key_file=None)
    change(offered, "wechat", apiv3_key=None, merchant_private_key_file=None)
    change(offered, "unionpay", merchant_pfx_password=None)

    alipay, wechat, unionpay = (config.kept.current()[pay_type] for pay_type in CHANNELS)

    assert alipay.private_key.private_numbers() == side.key("alipay-app").private_numbers()
    assert wechat.apiv3_key == b"e" * 32
    assert wechat.private_key.private_numbers() == side.key("stranger").private_numbers()
    assert (
        unionpay.merchant.key.private_numbers() == side.key("unionpay-merchant").private_numbers()
    )


def test_bare_base64_as_alipays_tool_writes_it(offered):
    for name in ("alipay_app_private.pem", "alipay_platform_public.pem"):
        lines = (offered / name).read_text().splitlines()
        (offered / name).write_text("".join(lines[1:-1]))

    assert registry.offered() == list(CHANNELS)


def test_nothing_secret_is_shown(offered):
    shown = repr(config.kept.current()) + repr([registry.channel(one) for one in CHANNELS])

    assert side.APIV3_KEY not in shown
    assert "000000'" not in shown
    assert "PRIVATE" not in shown
    assert "RSAPrivateKey" not in shown


# --- Rotation -----------------------------------------------------------------------------------
def test_a_rotated_key_needs_no_restart(offered):
    before = registry.channel(PayType.ALIPAY).settings.alipay_key
    (offered / "alipay_platform_public.pem").write_bytes(side.public_pem("alipay-2"))

    assert registry.channel(PayType.ALIPAY).settings.alipay_key == before  # not looked at yet
    look_again()
    after = registry.channel(PayType.ALIPAY).settings.alipay_key
    assert after == side.key("alipay-2").public_key()


def test_the_old_keys_stay_in_force_until_the_new_ones_are_good(offered, caplog):
    before = config.kept.current()
    (offered / "alipay_platform_public.pem").write_text("half a ke")

    with caplog.at_level(logging.ERROR, "payments.channels.config"):
        for _ in range(3):
            look_again()
            assert config.kept.current() is before

    assert len(caplog.messages) == 1
    assert "alipay_public_key_file" in caplog.text
    (offered / "alipay_platform_public.pem").write_bytes(side.public_pem("alipay-2"))
    look_again()
    assert config.kept.current() is not before
    assert registry.channel(PayType.ALIPAY).settings.alipay_key == side.key("alipay-2").public_key()


# --- Merchants of before ------------------------------------------------------------------------
IDS = {
    PayType.ALIPAY: {"app_id": "2021000000000009", "seller_id": "2088000000000009"},
    PayType.WECHAT: {"appid": "wx0000000000000009", "mchid": "1900000009"},
    PayType.UNIONPAY: {"mer_id": "777290058110049"},
}
NEW = ["2021000000000009", "1900000009:wx0000000000000009", "777290058110049"]
OLD = ["2021000000000001", "1900000001:wx0000000000000001", "777290058110048"]


def change_merchants(folder, keep: bool = True, drop: bool = False) -> None:
    """Every channel gets another merchant; the one of before is kept, or all that is left."""
    file = folder / "channels.json"
    found = json.loads(file.read_text())
    for pay_type, ids in IDS.items():
        before = found[pay_type.word]
        now = {} if drop else before | ids
        found[pay_type.word] = now | ({"former": [before]} if keep else {})
    file.write_text(json.dumps(found))
    look_again()


def test_a_merchant_of_before_is_found_by_his_name(offered):
    change_merchants(offered)

    assert [registry.channel(one).merchant for one in CHANNELS] == NEW
    for pay_type, old, new in zip(CHANNELS, OLD, NEW, strict=True):
        assert [each.merchant for each in registry.every(pay_type)] == [new, old]
        assert registry.channel(pay_type, old).merchant == old
        assert registry.channel(pay_type, new) == registry.channel(pay_type)
        with pytest.raises(registry.NotOffered, match="nobody"):
            registry.channel(pay_type, "nobody")


def test_a_merchant_who_was_not_kept_is_unknown(offered):
    change_merchants(offered, keep=False)

    for pay_type, old in zip(CHANNELS, OLD, strict=True):
        with pytest.raises(registry.NotOffered, match=old):
            registry.channel(pay_type, old)


def test_with_nothing_but_merchants_of_before_no_order_is_made_and_all_are_heard(offered):
    change_merchants(offered, drop=True)

    assert (registry.offered(), registry.heard()) == ([], list(CHANNELS))
    for pay_type, old in zip(CHANNELS, OLD, strict=True):
        with pytest.raises(registry.NotOffered):
            registry.channel(pay_type)
        assert registry.channel(pay_type, old).merchant == old


def test_secrets_in_the_environment_are_not_those_of_before(offered, settings):
    settings.REDPACKET_CHANNEL_SECRETS = settings.REDPACKET_CHANNEL_SECRETS | {
        "REDPACKET_WECHAT_APIV3_KEY": "n" * 32
    }
    change_merchants(offered)

    keys = [each.settings.apiv3_key for each in registry.every(PayType.WECHAT)]
    assert keys == [b"n" * 32, side.APIV3_KEY.encode()]


@pytest.mark.parametrize("former", ["x", {"mer_id": "1"}, ["x"], [None], 1])
def test_former_must_be_a_list_of_objects(offered, former):
    change(offered, "unionpay", former=former)
    config.kept.forget()

    with pytest.raises(ImproperlyConfigured, match=r"unionpay: former must be a list of objects"):
        registry.offered()


def test_what_is_wrong_in_a_set_of_before_is_said_with_its_place(offered):
    change(offered, "unionpay", former=[{"mer_id": "777290058110049"}])
    config.kept.forget()

    with pytest.raises(
        ImproperlyConfigured, match=r"unionpay: former\[0\]: merchant_pfx_file is missing"
    ):
        registry.offered()


def test_a_key_of_before_that_is_rotated_needs_no_restart(offered):
    change_merchants(offered)
    found = json.loads((offered / "channels.json").read_text())
    found["alipay"]["former"][0]["alipay_public_key_file"] = "old.pem"
    (offered / "old.pem").write_bytes(side.public_pem("alipay-2"))
    (offered / "channels.json").write_text(json.dumps(found))
    look_again()
    (offered / "old.pem").write_bytes(side.public_pem("alipay-3"))
    look_again()

    former = registry.channel(PayType.ALIPAY, OLD[0])
    assert former.settings.alipay_key == side.key("alipay-3").public_key()


def test_settings_that_appear_later_are_found(tmp_path, settings):
    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"
    config.kept.forget()
    assert registry.offered() == []

    side.write_all(tmp_path)
    look_again()
    assert registry.offered() == list(CHANNELS)
    config.kept.forget()


def test_unchanged_files_are_read_once(offered):
    before = config.kept.current()
    os.utime(offered)

    look_again()
    assert config.kept.current() is not before  # something may have appeared in the folder
    again = config.kept.current()
    look_again()
    assert config.kept.current() is again
