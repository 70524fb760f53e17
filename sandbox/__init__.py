"""The pretend channels (docs/sandbox.md): Alipay, WeChat Pay and UnionPay in their own protocols,
with test keys, in development only. Shares nothing with payments.channels but the wire."""
