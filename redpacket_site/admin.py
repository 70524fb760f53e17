from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class HongbaoAdminSite(AdminSite):
    site_header = _("Hongbao back office")
    site_title = _("Hongbao")
    index_title = _("Back office")
