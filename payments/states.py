"""How something can be paid. No ORM, no behaviour."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PayType(models.IntegerChoices):
    UNKNOWN = 0, _("unknown")
    ALIPAY = 1, _("Alipay")
    WECHAT = 2, _("WeChat Pay")
    UNIONPAY = 3, _("UnionPay")
    BALANCE = 4, _("wallet balance")

    @property
    def word(self) -> str:
        """The word of api.md."""
        return self.name.lower()
