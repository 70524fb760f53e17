"""How the views describe themselves in the OpenAPI schema."""

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    pass
