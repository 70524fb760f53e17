from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "redpacket_site"

    def ready(self):
        from redpacket_site import checks  # noqa: F401 - registers itself
