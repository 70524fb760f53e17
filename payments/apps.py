from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self) -> None:
        from payments import (
            audit,
            cases,
            checks,  # noqa: F401  # registers itself
            purposes,
            topup,
        )
        from wallets import suspense

        audit.register_rules()
        suspense.register(refuse=cases.refuse, take=cases.take, put=cases.put, opened=cases.opened)
        purposes.register(
            topup.PURPOSE,
            accepts=topup.accepts,
            confirmed=topup.confirmed,
            reported=topup.nothing,
            ended=topup.nothing,
        )
