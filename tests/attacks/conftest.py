from payments.tests.conftest import alipay, keys, there
from tests.office.conftest import granted

__all__ = ["alipay", "granted", "keys", "there"]
