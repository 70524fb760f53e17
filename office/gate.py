"""The gate before the log-in form: who would only wait for a password to be hashed is told so
before anything else is done for him."""

from kit.bulkhead import Full
from kit.http import busy
from office import passwords

LOG_IN = "/admin/login/"


class LogInGate:
    """A log-in has the seat that its hash needs from its beginning. Refused, it was not looked at:
    it counts neither as a failure nor towards a lock-out."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info != LOG_IN or request.method != "POST":
            return self.get_response(request)
        try:
            with passwords.seats.seat():
                return self.get_response(request)
        except Full as full:
            return busy.page(request, full)
