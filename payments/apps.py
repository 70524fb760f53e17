from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self):
        from payments import audit, checks, purposes, topup  # noqa: F401  # checks: registers itself

        audit.register_rules()
        purposes.register(
            topup.PURPOSE,
            accepts=topup.accepts,
            confirmed=topup.confirmed,
            reported=topup.nothing,
            ended=topup.nothing,
        )
