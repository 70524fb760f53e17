"""The gate before the forms that hash a password: who would only wait for that is told so before
anything else is done for him."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponseBadRequest, UnreadablePostError

from kit.bulkhead import Full
from kit.http import problems
from office.accounts import passwords

HASHING = ("/admin/login/", "/admin/password_change/", "/admin/join/")


class PasswordGate:
    """What is sent to one of them has the seat that its hash needs once it is here. Refused, it
    was not looked at: it uses up no try, of a log-in or of an invitation's code."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method != "POST" or not request.path_info.startswith(HASHING):
            return self.get_response(request)
        try:
            request.body  # noqa: B018 - read before: who sends slowly keeps nobody else from a seat
        except UnreadablePostError:
            return HttpResponseBadRequest()
        except RequestDataTooBig:  # hashes nothing: its form refuses it, in the reader's language
            return self.get_response(request)
        try:
            with passwords.seats.seat():
                return self.get_response(request)
        except Full as full:
            return problems.busy_page(request, full)
