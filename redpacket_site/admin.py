"""The admin site: its name, and the second factor of staff."""

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.utils.translation import gettext_lazy as _
from django_otp import devices_for_user
from django_otp.admin import OTPAdminAuthenticationForm
from django_otp.models import Device


class LoginForm(OTPAdminAuthenticationForm):
    """Name, password and code: staff have one device each, so nobody is asked to choose one."""

    otp_error_messages = OTPAdminAuthenticationForm.otp_error_messages | {
        "token_required": _("Please enter the one-time code."),
        "invalid_token": _("This one-time code is not valid (any more)."),
        "n_failed_attempts": _("Too many wrong codes. Please wait a moment and try again."),
        "device_required": _("This account has no second factor yet; ask an administrator."),
    }

    def _chosen_device(self, user):
        own = next(devices_for_user(user), None)
        return own and Device.from_persistent_id(own.persistent_id, for_verify=True)


class HongbaoAdminSite(AdminSite):
    site_header = _("Hongbao back office")
    site_title = _("Hongbao")
    index_title = _("Back office")
    login_template = "admin/login_otp.html"

    @property
    def login_form(self) -> type[AdminAuthenticationForm]:
        return LoginForm if settings.REDPACKET_STAFF_OTP else AdminAuthenticationForm

    def has_permission(self, request) -> bool:
        """Staff, and verified by a second factor where that is on."""
        is_verified = not settings.REDPACKET_STAFF_OTP or request.user.is_verified()
        return super().has_permission(request) and is_verified
