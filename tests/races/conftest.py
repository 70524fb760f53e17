"""Channels to race at: one in memory, and one on a socket."""

from payments.tests.conftest import alipay, approved, keys, there

__all__ = ["alipay", "approved", "keys", "there"]
