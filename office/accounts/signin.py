"""How staff come in and go: second factor, lock-out, session limits, and a row for each of them."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django_otp import devices_for_user
from django_otp.admin import OTPAdminAuthenticationForm
from django_otp.models import Device

from kit import clock, credentials
from kit.http import address
from office.accounts import joining, tries
from office.frame import staff
from office.models import StaffEvent
from office.shown import reasons

BEGAN, SEEN = "staff_began", "staff_seen"
SEEN_EVERY_S = 60  # one write of the session a minute, not one a page


class SignInForm(OTPAdminAuthenticationForm):
    """Name, password and one-time code at once; whatever of them is wrong, a try is used up."""

    error_messages = OTPAdminAuthenticationForm.error_messages | {
        "invalid_login": _(
            "This name and password are nobody's here. Mind small and capital letters."
        )
    }
    otp_error_messages = OTPAdminAuthenticationForm.otp_error_messages | {
        "token_required": _("Please enter the one-time code."),
        "invalid_token": _("This one-time code is not valid (any more)."),
        "n_failed_attempts": _("Too many wrong codes. Please wait a moment and try again."),
        "device_required": _(
            "This account has no second factor yet; ask whoever looks after the accounts."
        ),
    }

    def __init__(self, request=None, *args, **kwargs):
        super().__init__(request, *args, **kwargs)
        if not settings.REDPACKET_STAFF_OTP:
            del self.fields["otp_token"]

    def clean(self):
        given = self.cleaned_data
        if not (given.get("username") and given.get("password")):
            return given
        ticket = take(self.request, given["username"])
        before = User.objects.filter(username=given["username"]).first()
        was_known = before is not None and credentials.is_known(before)
        cleaned = super().clean()
        self._look_at_credentials(was_known)
        tries.came_in(ticket, clock.now())
        return cleaned

    def _look_at_credentials(self, was_known: bool) -> None:
        """What changed past us begins to count now; a better hash of the same password does not."""
        user, now = self.get_user(), clock.now()
        if was_known:
            credentials.rehashed(user)
        elif credentials.look(user, now=now):
            told = {"reason": reasons.NOTICED, "changes": {"password or device": "changed"}}
            note = staff.Note(
                staff.operator(), "credentials_changed", user, ip=address.of(self.request), **told
            )
            note.keep(True)

    def _chosen_device(self, user):
        """Staff have one device each, so nobody is asked to choose one."""
        own = next(devices_for_user(user), None)
        return own and Device.from_persistent_id(own.persistent_id, for_verify=True)

    def _verify_token(self, user, token, device=None):
        if device is not None and joining.looks_like_recovery(token):
            if joining.recover(user_id=user.pk, code=token, now=clock.now()):
                user.came_by_recovery = True
                return device
            raise forms.ValidationError(
                self.otp_error_messages["invalid_token"], code="invalid_token"
            )
        return super()._verify_token(user, token, device)

    def clean_otp(self, user):
        if not settings.REDPACKET_STAFF_OTP:
            return
        try:
            super().clean_otp(user)
        except forms.ValidationError:
            user_login_failed.send(
                sender=__name__,
                credentials={"username": user.get_username(), "second_factor": True},
                request=self.request,
            )
            raise


def take(request, username: str) -> tries.Ticket:
    """One try of whoever asks; a lock-out that is new is told once. Raises tries.Locked."""
    try:
        return tries.take(username=username, ip=address.of(request), now=clock.now())
    except tries.Locked as locked:
        if locked.is_first:
            staff.event(StaffEvent.Kind.LOCKED, username=username, request=request)
        raise


class StaffSession:
    """A session ends after REDPACKET_STAFF_IDLE_S without a page, and after
    REDPACKET_STAFF_SESSION_S in any case."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path_info.startswith("/admin/") or not request.user.is_authenticated:
            return self.get_response(request)
        now = int(clock.timestamp())
        began = request.session.setdefault(BEGAN, now)
        seen = request.session.get(SEEN, now)
        is_old = now - began >= settings.REDPACKET_STAFF_SESSION_S
        if is_old or now - seen >= settings.REDPACKET_STAFF_IDLE_S:
            return self._end(request)
        if now - seen >= SEEN_EVERY_S or SEEN not in request.session:
            request.session[SEEN] = now
        return self.get_response(request)

    @staticmethod
    def _end(request):
        staff.event(StaffEvent.Kind.TIMEOUT, username=request.user.get_username(), request=request)
        request.staff_timed_out = True
        logout(request)
        messages.info(request, _("Your session has timed out. Please log in again."))
        back = {"next": request.get_full_path()} if request.method == "GET" else {}
        return redirect(f"{reverse('admin:login')}?{urlencode(back)}")


@receiver(user_logged_in)
def _came(sender, request, user, **kwargs):
    now = int(clock.timestamp())
    request.session[BEGAN] = request.session[SEEN] = now
    by_recovery = getattr(user, "came_by_recovery", False)
    kind = StaffEvent.Kind.RECOVERY if by_recovery else StaffEvent.Kind.LOGIN
    staff.event(kind, username=user.get_username(), request=request)


@receiver(user_logged_out)
def _went(sender, request, user, **kwargs):
    if user is not None and not getattr(request, "staff_timed_out", False):
        staff.event(StaffEvent.Kind.LOGOUT, username=user.get_username(), request=request)


@receiver(user_login_failed)
def _failed(sender, credentials, request=None, **kwargs):
    kind = StaffEvent.Kind.CODE if credentials.get("second_factor") else StaffEvent.Kind.FAILED
    staff.event(kind, username=credentials.get("username", ""), request=request)
