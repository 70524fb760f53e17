from payments.tests.conftest import alipay, approved, keys, there
from tests.office.conftest import granted

__all__ = ["alipay", "approved", "granted", "keys", "there"]
