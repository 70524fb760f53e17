from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PacketsConfig(AppConfig):
    name = "packets"
    verbose_name = _("Red packets")

    def ready(self):
        from packets import audit, tickets
        from wallets import freeze

        audit.register_rules()
        freeze.listeners.append(tickets.forget_frozen_wallets)
