"""Channels to race at, one in memory and one on a socket; an order at the first, and who checks."""

from payments.tests.conftest import alipay, approved, keys, there
from payments.tests.test_cases import checker
from payments.tests.test_confirm import order

__all__ = ["alipay", "approved", "checker", "keys", "order", "there"]
