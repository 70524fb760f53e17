import pytest

from payments.channels import config, registry
from payments.states import PayType
from payments.tests.other_side import There, write_all
from payments.tests.pretend import Pretend


@pytest.fixture
def alipay(monkeypatch) -> Pretend:
    return offer(monkeypatch, PayType.ALIPAY)[PayType.ALIPAY]


def offer(monkeypatch, *pay_types: PayType) -> dict[PayType, Pretend]:
    """Offer these channels, in memory."""
    made = {pay_type: Pretend(pay_type) for pay_type in pay_types}
    monkeypatch.setattr(registry, "channel", lambda pay_type, merchant="": made[PayType(pay_type)])
    monkeypatch.setattr(registry, "every", lambda pay_type: [made[PayType(pay_type)]])
    monkeypatch.setattr(registry, "offered", lambda: list(made))
    monkeypatch.setattr(registry, "heard", lambda: list(made))
    return made


@pytest.fixture
def there():
    """The other side, on a socket of its own."""
    server = There().start()
    yield server
    server.stop()


@pytest.fixture
def keys(tmp_path, settings, there):
    """The folder of channels.json with all keys; the gateway of each channel is `there`."""
    settings.REDPACKET_CHANNELS_FILE = write_all(tmp_path, there.url)
    config.kept.forget()
    yield tmp_path
    config.kept.forget()
