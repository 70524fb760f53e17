"""The channels' own protocols: Alipay, WeChat Pay, UnionPay. Only base URLs and keys differ
between the real ones and the sandbox."""
