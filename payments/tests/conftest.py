import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from payments import confirm
from payments.channels import config, registry
from payments.models import Case, ChannelRefund
from payments.states import PayType
from testing.make import make_refund, make_topup, propose_adjustment
from testing.other_side import There, write_all
from testing.pretend import Pretend
from wallets import accounts, adjust


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


def take_back(case: Case, amount: str) -> None:
    """An adjustment takes bob's money into this case."""
    maker, checker = (
        get_user_model().objects.create_user(name, is_staff=True).pk for name in ("one", "two")
    )
    from_bob = {"is_credit": False, "other": accounts.SUSPENSE, "case_id": case.pk}
    proposed = propose_adjustment("bob", amount, maker_id=maker, **from_bob)
    assert adjust.approve(reference=proposed.reference, checker_id=checker, now=timezone.now())


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


@pytest.fixture
def approved(alipay) -> ChannelRefund:
    """A refund of bob's whole top-up of 50.00, to be sent."""
    maker, checker = (get_user_model().objects.create_user(name) for name in ("maker", "checker"))
    made = make_topup()
    confirm.confirm(payment=alipay.pay(made), now=timezone.now())
    return make_refund(made, maker_id=maker.pk, checker_id=checker.pk)
