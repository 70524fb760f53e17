from django.apps import AppConfig
from django.contrib.admin import apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AdminConfig(apps.AdminConfig):
    """Django's admin, with our site."""

    default = False
    default_site = "office.site.HongbaoAdminSite"


class OfficeConfig(AppConfig):
    name = "office"
    verbose_name = _("Back office")

    def ready(self):
        """After all other apps: what packages registered for their own tables is replaced."""
        from django.contrib import admin

        from office import audit, figures, roles
        from office.accounts import signin  # noqa: F401 - it listens
        from office.frame import staff
        from office.pages.staff import account
        from packets import close
        from wallets import seals
        from wallets.audit import register

        post_migrate.connect(roles.after_migrate, sender=self)
        account.register(admin.site)
        figures.register()
        for rule in audit.RULES:
            register(rule)
        seals.chains.hang(audit.ACTIONS.table, audit.ACTIONS)
        close.speakers.hang("staff actions", staff.acted_on)
