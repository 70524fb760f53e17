"""What every view of the API shares: caller, throttle, strict serializers, problems."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from kit import ids, money
from kit.http import throttle
from kit.http.caller import Service, ServiceAuthentication, caller_of
from kit.plumbing import texts
from kit.plumbing.logs import Logged
from kit.refusals import Forbidden, NotFound

# What stands in a user's path, and whether it could be one: else nothing is asked for it.
COULD_BE = {"pk": ids.is_packet_id, "order_no": ids.is_order_no, "group_id": ids.is_outside_id}


class Door(ViewSet):
    """Answers in the caller's language: texts of DRF are made while it is active."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with translation.override(translation.get_language_from_request(request)):
            response = super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["Accept-Language"])
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204)  # with Allow; DRF would tell of our classes


class UserViewSet(Door):
    """For the app's users. `request.user` is a Caller; every request counts for the throttle, and
    its answer says how many more may come at once."""

    tells_limit = True
    limit: tuple[throttle.Rate, int] | None = None
    body_max_bytes = settings.BODY_MAX_BYTES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        caller = caller_of(request)
        cast("Logged", request._request).caller = caller
        rate = throttle.GET if request.method in ("GET", "HEAD") else throttle.POST
        left = throttle.check(rate, caller.user_id)
        self.limit = None if left is None else (rate, left)
        is_served = str(request.method).lower() in self.action_map  # else 405 says more
        if is_served and not all(COULD_BE[name](value) for name, value in kwargs.items()):
            raise NotFound()

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        if self.limit:
            for name, value in throttle.told(*self.limit).items():
                response[name] = value
        return response


class ServiceViewSet(Door):
    """For the chat server, by a key for what the view is about."""

    authentication_classes = [ServiceAuthentication]
    body_max_bytes = settings.SERVICE_BODY_MAX_BYTES
    scope: str  # one of service_keys.SCOPES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.scope not in cast("Service", request.user).scopes:
            raise Forbidden()


class StrictSerializer(serializers.Serializer):
    """Unknown fields are an error, not ignored (api.md)."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = set(data) - set(self.fields)
            if unknown:
                raise serializers.ValidationError(
                    {name: [self.error_messages["unknown"]] for name in sorted(unknown)}
                )
        return super().to_internal_value(data)

    default_error_messages = {"unknown": _("Unknown field.")}


class YuanField(serializers.Field):
    """A decimal string in yuan with two places, `"12.34"`; numbers are refused."""

    default_error_messages = {"invalid": _('A string in yuan with two places, such as "12.34".')}

    def to_internal_value(self, data: Any) -> Any:
        amount = money.parse_yuan(data)
        if amount is None:
            self.fail("invalid")
        return amount

    def to_representation(self, value: Any) -> Any:
        return f"{value:.2f}"


class MomentField(serializers.DateTimeField):
    """RFC 3339 with the offset of the service's time zone, +00:00 too, for which DRF writes Z."""

    def to_representation(self, value: Any) -> Any:
        return timezone.localtime(value).isoformat()


class TextField(serializers.CharField):
    """A JSON string; DRF's own field would turn a number into one."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class LineField(TextField):
    """One line that people read (kit/plumbing/texts.py)."""

    def get_validators(self) -> list[Any]:
        return [*super().get_validators(), texts.validate_plain]


class WebAddressField(TextField):
    """An address that a page may fetch: http or https with a host, or empty. Never a script."""

    default_error_messages = {"address": _("An http or https address, or empty.")}

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if text and not texts.is_web_address(text):
            self.fail("address")
        return text


class WholeField(serializers.IntegerField):
    """A JSON integer; DRF's own field would read one out of a string or a float."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


def validated(serializer_class: type[serializers.Serializer], data: Any) -> dict:
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data
