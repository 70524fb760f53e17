from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

REFUSED = "sandbox signs as the channels would: it must not be installed in production."


class SandboxConfig(AppConfig):
    name = "sandbox"
    label = "sandbox"
    verbose_name = _("Sandbox")

    def ready(self):
        if settings.PRODUCTION:  # the servers run no checks, so a check alone would not stop them
            raise ImproperlyConfigured(f"Refused in production: {REFUSED}")
        checks.register(refused_in_production, checks.Tags.security)


def refused_in_production(app_configs, **kwargs) -> list[checks.CheckMessage]:
    if settings.PRODUCTION and "sandbox" in settings.INSTALLED_APPS:
        return [checks.Critical(REFUSED, id="sandbox.E001")]
    return []
