"""The product and the sandbox that plays its channels, in one web process on a real socket."""

import json
import shutil
from pathlib import Path

import pytest

from payments.channels import config
from tests.flows.channels.story import Shop

FLAVOURS = ("alipay", "wechat-pubkey", "wechat-cert", "unionpay")


@pytest.fixture
def channels_file(made_keys, tmp_path, settings) -> Path:
    """A folder of keys of the test's own, to be changed at will."""
    folder = shutil.copytree(made_keys.parent, tmp_path / "keys")
    settings.REDPACKET_CHANNELS_FILE = folder / made_keys.name
    config.kept.forget()
    yield settings.REDPACKET_CHANNELS_FILE
    config.kept.forget()


@pytest.fixture
def shops(channels_file, live, settings):
    """One shop a channel, by its flavour."""
    settings.REDPACKET_PUBLIC_URL = live
    settings.REDPACKET_RETURN_URL = f"{live}/"

    def open_shop(flavour: str) -> Shop:
        word, _, mode = flavour.partition("-")
        if mode:
            found = json.loads(channels_file.read_text())
            found["wechat"]["mode"] = mode
            channels_file.write_text(json.dumps(found))
            config.kept.forget()
        return Shop(live, word)

    return open_shop


@pytest.fixture(params=FLAVOURS)
def shop(request, shops) -> Shop:
    return shops(request.param)
