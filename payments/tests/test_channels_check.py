import json
import shutil
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from payments.channels import config
from payments.models import PaymentOrder
from payments.states import OrderStatus
from payments.tests.channel_case import order
from testing import other_side as side

pytestmark = pytest.mark.once


def report(capsys) -> str:
    call_command("channels", "check")
    return capsys.readouterr().out


def broken(capsys) -> str:
    with pytest.raises(CommandError):
        call_command("channels", "check")
    return capsys.readouterr().out


def change(folder, channel, **changes):
    found = json.loads((folder / "channels.json").read_text())
    found[channel] |= changes
    (folder / "channels.json").write_text(json.dumps(found))


def authorities(folder, **middle):
    root = side.certificate("Root CA", "root", ca=True)
    under = side.certificate("Middle CA", "middle", root, "root", ca=True, **middle)
    (folder / "unionpay_root.pem").write_bytes(side.pem(root))
    (folder / "unionpay_middle.pem").write_bytes(side.pem(under))


def test_all_is_well(keys, there, capsys):
    said = report(capsys)

    assert f"alipay: gateway {there.url}" in said
    assert "wechat: public key PUB_KEY_ID_0119000000012026" in said
    assert "valid until 2056-01-01" in said
    assert "unionpay: the chain of authorities holds" in said
    assert "BROKEN" not in said
    for secret in (side.APIV3_KEY, "000000\n", "PRIVATE"):
        assert secret not in said


def test_nothing_is_offered(tmp_path, settings, capsys):
    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"

    assert report(capsys).splitlines() == [
        f"{name}: not offered, no settings" for name in ("alipay", "wechat", "unionpay")
    ]


@pytest.mark.parametrize(("days", "says"), [(31, "valid until"), (29, "expires soon")])
def test_thirty_days(keys, capsys, days, says):
    authorities(keys, ends=timezone.now() + timedelta(days=days))

    assert f"intermediate certificate {says}" in report(capsys)


def test_an_expired_authority(keys, capsys):
    authorities(keys, ends=timezone.now() - timedelta(days=1))

    assert "unionpay: BROKEN: intermediate certificate expired" in broken(capsys)


def test_our_own_public_key_instead_of_theirs(keys, capsys):
    (keys / "alipay_platform_public.pem").write_bytes(side.public_pem("alipay-app"))
    (keys / "wechat_platform_public.pem").write_bytes(side.public_pem("wechat-merchant"))

    said = broken(capsys)

    assert "alipay: BROKEN: alipay_public_key_file holds our own" in said
    assert "wechat: BROKEN: public_key_file holds our own" in said


def test_ids_that_are_not_the_certificates(keys, capsys):
    change(keys, "wechat", platform_cert_serial="ABCDEF")
    change(keys, "unionpay", merchant_cert_id="1")

    said = broken(capsys)

    assert "wechat: BROKEN: platform_cert_serial is ABCDEF" in said
    assert "unionpay: BROKEN: merchant_cert_id is 1" in said


def test_an_expired_platform_certificate_matters_while_it_is_the_only_one(keys, capsys):
    gone = side.certificate("x", "wechat-cert", ends=timezone.now() - timedelta(days=1))
    (keys / "wechat_platform_cert.pem").write_bytes(side.pem(gone))
    change(keys, "wechat", platform_cert_serial=side.serial(gone))
    assert "expired" in report(capsys)  # the public key does its work

    change(keys, "wechat", mode="cert")
    assert f"BROKEN: platform certificate {side.serial(gone)} expired" in broken(capsys)

    newer = side.certificate("x", "wechat-newer")
    file = keys / "wechat_platform_cert.pem"
    config.beside(file, side.serial(newer)).write_bytes(side.pem(newer))
    assert "BROKEN" not in report(capsys)


def test_nobody_could_notify_us(keys, settings, capsys):
    settings.REDPACKET_PUBLIC_URL = ""

    with pytest.raises(CommandError, match="REDPACKET_PUBLIC_URL"):
        report(capsys)


def test_a_folder_without_its_keys(keys, capsys):
    shutil.move(keys / "unionpay_merchant.pfx", keys / "elsewhere")

    said = broken(capsys)

    assert "unionpay_merchant.pfx cannot be read (No such file or directory)" in said
    assert "alipay: app_id 2021000000000001" in said  # the others are reported all the same


# --- Merchants of before ------------------------------------------------------------------------
def keep_former(folder, **changes) -> None:
    found = json.loads((folder / "channels.json").read_text())
    before = found["wechat"] | {"mchid": "1900000009"} | changes
    change(folder, "wechat", former=[before])


def test_merchants_of_before_are_looked_at_too(keys, capsys):
    keep_former(keys)

    said = report(capsys).splitlines()
    assert "wechat: appid wx0000000000000001, mchid 1900000001, mode pubkey" in said
    assert "wechat: former[0]: appid wx0000000000000001, mchid 1900000009, mode pubkey" in said


def test_a_merchant_of_before_whose_keys_are_gone(keys, capsys):
    keep_former(keys, merchant_private_key_file="gone.pem")

    assert "wechat: BROKEN: former[0]: " in (said := broken(capsys))
    assert "gone.pem cannot be read" in said


def test_only_merchants_of_before(keys, capsys):
    found = json.loads((keys / "channels.json").read_text())
    found["alipay"] = {"former": [found["alipay"]]}
    (keys / "channels.json").write_text(json.dumps(found))

    said = report(capsys)
    assert "alipay: not offered, only merchants of before" in said
    assert "alipay: former[0]: app_id 2021000000000001" in said


def test_an_open_order_whose_merchant_is_gone_is_said(keys, capsys):
    for order_no, merchant in (("hb1", "2021000000000001"), ("hb2", "gone"), ("hb3", "gone")):
        order(order_no=order_no, merchant=merchant, purpose="topup", reference=order_no).save()
    PaymentOrder.objects.filter(order_no="hb3").update(status=OrderStatus.CLOSED)

    assert "alipay: BROKEN: 1 open orders were made by gone, whose keys are not here" in broken(
        capsys
    )
