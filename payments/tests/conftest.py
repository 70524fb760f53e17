import pytest

from payments.channels import registry
from payments.states import PayType
from payments.tests.pretend import Pretend


@pytest.fixture
def alipay(monkeypatch) -> Pretend:
    return offer(monkeypatch, PayType.ALIPAY)[PayType.ALIPAY]


def offer(monkeypatch, *pay_types: PayType) -> dict[PayType, Pretend]:
    """Offer these channels, in memory."""
    made = {pay_type: Pretend(pay_type) for pay_type in pay_types}
    monkeypatch.setattr(registry, "channel", lambda pay_type: made[PayType(pay_type)])
    monkeypatch.setattr(registry, "offered", lambda: list(made))
    return made
