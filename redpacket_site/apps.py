from django.contrib.admin.apps import AdminConfig


class HongbaoAdminConfig(AdminConfig):
    default_site = "redpacket_site.admin.HongbaoAdminSite"
