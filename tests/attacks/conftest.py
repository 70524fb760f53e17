from payments.tests.conftest import alipay, approved, keys, there

__all__ = ["alipay", "approved", "keys", "there"]
