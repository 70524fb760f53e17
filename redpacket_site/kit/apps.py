from django.apps import AppConfig


class KitConfig(AppConfig):
    name = "redpacket_site.kit"
    label = "kit"
    verbose_name = "Foundations"
