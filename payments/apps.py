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
            topup,
        )
        from payments.purposes import Owner, owners
        from wallets import suspense
        from wallets.audit import register

        for rule in audit.RULES:
            register(rule)
        held = suspense.Cases(
            refuse=cases.refuse, take=cases.take, put=cases.put, opened=cases.opened
        )
        suspense.holders.hang(suspense.HELD, held)
        owner = Owner(
            accepts=topup.accepts,
            reported=topup.nothing,
            confirmed=topup.confirmed,
            ended=topup.nothing,
        )
        owners.hang(topup.PURPOSE, owner)
