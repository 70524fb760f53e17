import io
import json
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from django.core.management import call_command

from sandbox import keys

pytestmark = pytest.mark.once

ALL = {
    "channels.json",
    "alipay_app_private.pem",
    "alipay_platform_public.pem",
    "alipay_platform_private.pem",
    "wechat_merchant_private.pem",
    "wechat_platform_public.pem",
    "wechat_platform_private.pem",
    "wechat_platform_cert.pem",
    "wechat_platform_cert_private.pem",
    "unionpay_merchant.pfx",
    "unionpay_root.pem",
    "unionpay_middle.pem",
    "unionpay_sign_cert.pem",
    "unionpay_sign_private.pem",
}


def _contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_command_makes_all_that_the_settings_name_and_keeps_it_to_the_owner(tmp_path):
    call_command("sandbox_keys", str(tmp_path / "keys" / "channels.json"), stdout=io.StringIO())

    made = list((tmp_path / "keys").iterdir())
    assert {path.name for path in made} == ALL
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}


def test_a_second_run_changes_no_byte(made_keys):
    before = _contents(made_keys.parent)

    assert keys.make(made_keys) == []

    assert _contents(made_keys.parent) == before


def test_a_testers_own_set_is_used_as_it_is_and_only_the_rest_is_made(made_keys, tmp_path):
    given = ("channels.json", "alipay_app_private.pem", "unionpay_merchant.pfx")
    given += ("alipay_platform_public.pem", "wechat_platform_cert.pem")
    for name in given:
        shutil.copy(made_keys.parent / name, tmp_path / name)
    before = _contents(tmp_path)

    made = keys.make(tmp_path / "channels.json")

    after = _contents(tmp_path)
    assert {name: after[name] for name in given} == before
    # A public half that is there gets no private half that would not fit it.
    assert set(made) == ALL - set(given) - {
        "alipay_platform_private.pem",
        "wechat_platform_cert_private.pem",
    }


def test_a_private_half_alone_gets_its_own_public_half(made_keys, tmp_path):
    shutil.copy(made_keys.parent / "alipay_platform_private.pem", tmp_path)

    keys.make(tmp_path / "channels.json")

    assert (tmp_path / "alipay_platform_public.pem").read_bytes() == (
        made_keys.parent / "alipay_platform_public.pem"
    ).read_bytes()


def test_a_part_of_unionpays_chain_is_left_alone(made_keys, tmp_path, settings):
    for name in ("unionpay_root.pem", "channels.json"):
        shutil.copy(made_keys.parent / name, tmp_path)

    made = keys.make(tmp_path / "channels.json")

    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"
    assert not {"unionpay_middle.pem", "unionpay_sign_private.pem"} & set(made)
    assert keys.trouble("unionpay") == [
        "unionpay_sign_private.pem is missing",
        "unionpay_sign_cert.pem is missing",
    ]


def test_a_channel_that_the_settings_leave_out_gets_no_files(made_keys, tmp_path, settings):
    config = json.loads(made_keys.read_text())
    del config["alipay"]
    (tmp_path / "channels.json").write_text(json.dumps(config))

    made = keys.make(tmp_path / "channels.json")

    settings.REDPACKET_CHANNELS_FILE = tmp_path / "channels.json"
    assert not [name for name in made if name.startswith("alipay")]
    assert keys.trouble("alipay") == ["channels.json has no settings for alipay"]


@pytest.mark.parametrize("word", ["alipay", "wechat", "unionpay"])
def test_nothing_is_missing_after_making(word, channels_file):
    assert keys.trouble(word) == []


def test_the_certificates_say_what_the_settings_say(channels, channels_file):
    folder = channels_file.parent
    chain = [
        x509.load_pem_x509_certificate((folder / name).read_bytes())
        for name in ("unionpay_root.pem", "unionpay_middle.pem", "unionpay_sign_cert.pem")
    ]
    platform = x509.load_pem_x509_certificate((folder / "wechat_platform_cert.pem").read_bytes())
    unionpay, wechat = channels["unionpay"], channels["wechat"]
    _, merchant, _ = pkcs12.load_key_and_certificates(
        (folder / "unionpay_merchant.pfx").read_bytes(), unionpay["merchant_pfx_password"].encode()
    )

    root, middle, leaf = chain
    root.verify_directly_issued_by(root)
    middle.verify_directly_issued_by(root)
    leaf.verify_directly_issued_by(middle)
    authority = [
        c.extensions.get_extension_for_class(x509.BasicConstraints).value.ca for c in chain
    ]
    assert authority == [True, True, False]
    name = leaf.subject.rfc4514_string()
    assert name == f"CN=041@8310000000083040@{unionpay['expected_name']}@00016493"
    assert str(merchant.serial_number) == unionpay["merchant_cert_id"]
    assert f"{platform.serial_number:040X}" == wechat["platform_cert_serial"]
    public = serialization.load_pem_public_key((folder / "wechat_platform_public.pem").read_bytes())
    assert public.key_size == 2048
    assert len(wechat["apiv3_key"]) == 32
