from payments.tests.conftest import keys, there

__all__ = ["keys", "there"]
