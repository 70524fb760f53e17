"""Pages of a person's own credentials: taking up an invitation, and a new password."""

import secrets
from base64 import b32encode
from urllib.parse import quote

import qrcode
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.hashers import make_password
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django_otp.oath import TOTP

from kit import clock
from kit.http import address
from office.accounts import changes, joining, signin, tries
from office.frame import staff
from office.shown import reasons

JOINING = "joining"  # in the session: the invitation whose code was right, and the new device's key
QUIET = 4  # modules of white around a QR code


class CodeForm(forms.Form):
    code = forms.CharField(label=_("Code"), max_length=40, strip=True)


class JoinForm(SetPasswordForm):
    """The first password, and a code of the telephone that has just learnt the key."""

    token = forms.CharField(label=_("One-time code"), max_length=10)

    def __init__(self, user, key: str, *args, **kwargs):
        super().__init__(user, *args, **kwargs)
        self._key = key
        self.step = 0

    def clean_token(self):
        given = "".join(self.cleaned_data["token"].split())
        totp = TOTP(bytes.fromhex(self._key))
        totp.time = clock.timestamp()
        if not (given.isascii() and given.isdigit() and totp.verify(int(given), tolerance=1)):
            raise forms.ValidationError(_("This one-time code is not valid (any more)."))
        self.step = totp.t()
        return given


def join(site, request, link: str):
    """Link, then code, then password and device; recovery codes are the answer to the last."""
    now = clock.now()
    invitation = joining.good(link, now)
    if invitation is None:
        return _show(site, request, "gone", status=410)
    held = request.session.get(JOINING) or {}
    try:
        if held.get("invitation") != invitation.pk:
            return _ask_code(site, request, invitation, now)
        return _enrol(site, request, invitation, held["key"], now)
    except joining.Gone:
        return _show(site, request, "gone", status=410)


def _ask_code(site, request, invitation, now):
    form = CodeForm(request.POST or None)
    if form.is_valid():
        code = form.cleaned_data["code"]
        if joining.is_code(invitation_id=invitation.pk, code=code, now=now):
            logout(request)  # whoever was logged in here is somebody else
            request.session[JOINING] = {
                "invitation": invitation.pk,
                "key": secrets.token_hex(20),
            }
            return redirect(request.path)
        form.add_error("code", _("This is not the code."))
    return _show(site, request, "code", form=form)


def _enrol(site, request, invitation, key: str, now):
    user = invitation.user
    form = JoinForm(user, key, request.POST or None)
    if not form.is_valid():
        secret = b32encode(bytes.fromhex(key)).decode()
        shown = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return _show(
            site, request, "enrol", form=form, person=user, key=shown, qr=picture(user, secret)
        )
    codes = joining.join(
        invitation_id=invitation.pk,
        password=make_password(form.cleaned_data["new_password1"]),
        key=key,
        step=form.step,
        now=now,
        also=_note(
            request,
            user,
            "join",
            reasons.TOOK_UP,
            {"password": "set", "device": "set", "active": [False, True]},
        ),
    )
    del request.session[JOINING]
    return _show(site, request, "joined", codes=codes, person=user)


def _note(request, user, action: str, reason: str, changes: dict) -> staff.Note:
    """What somebody did to his own account."""
    return staff.Note(
        user=user,
        action=action,
        obj=user,
        reason=reason,
        ip=address.of(request),
        changes=changes,
    )


def picture(user, secret: str) -> dict:
    """The QR code that an authenticator reads, as the path of an SVG."""
    issuer = quote(settings.OTP_TOTP_ISSUER)
    url = f"otpauth://totp/{issuer}:{quote(user.get_username())}?secret={secret}&issuer={issuer}"
    code = qrcode.QRCode(border=QUIET)
    code.add_data(url)
    rows = code.get_matrix()
    path = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    )
    return {"size": len(rows), "path": path}


def _show(site, request, step: str, status: int = 200, **shown):
    context = {**site.each_context(request), "title": _("Join"), "step": step, **shown}
    headers = {"Cache-Control": "no-store"}
    return TemplateResponse(
        request, "admin/hongbao/join.html", context, status=status, headers=headers
    )


def change_password(site, request):
    """One's own, by the old one; a guess at that uses up a try, as at the door."""
    form = AdminPasswordChangeForm(request.user, request.POST or None)
    if request.method == "POST":
        ticket = signin.take(request, request.user.get_username())
        if form.is_valid():
            tries.came_in(ticket, clock.now())
            return _set_password(request, form.cleaned_data["new_password1"])
        if "old_password" not in form.errors:
            tries.came_in(ticket, clock.now())
    context = {**site.each_context(request), "title": _("Change password"), "form": form}
    return TemplateResponse(request, "registration/password_change_form.html", context)


def _set_password(request, password: str):
    user = request.user
    changed = {"password": "changed"}
    note = _note(request, user, "change_own_password", reasons.BY_THE_OLD_ONE, changed)
    new, now = make_password(password), clock.now()
    done = changes.set_own_password(user_id=user.pk, old=user.password, new=new, now=now, also=note)
    if done:
        user.password = new
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password is changed. You approve nothing for a while."))
    return redirect("admin:index")
