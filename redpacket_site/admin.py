"""The admin site: its name, and the second factor of staff."""

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.utils.translation import gettext_lazy as _
from django_otp.admin import OTPAdminAuthenticationForm


class HongbaoAdminSite(AdminSite):
    site_header = _("Hongbao back office")
    site_title = _("Hongbao")
    index_title = _("Back office")
    login_template = "admin/login_otp.html"

    @property
    def login_form(self) -> type[AdminAuthenticationForm]:
        return (
            OTPAdminAuthenticationForm if settings.REDPACKET_STAFF_OTP else AdminAuthenticationForm
        )

    def has_permission(self, request) -> bool:
        """Staff, and verified by a second factor where that is on."""
        is_verified = not settings.REDPACKET_STAFF_OTP or request.user.is_verified()
        return super().has_permission(request) and is_verified
