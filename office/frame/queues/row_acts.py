"""The buttons in each row of a list: what this person may do to it now."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from office.frame import actions, staff


def give_buttons(model_admin: Any, request: HttpRequest, rows: list, now: datetime) -> None:
    """Give each row `todo`: what this person may do to it now, of what its list offers."""
    user = request.user
    offered = [
        action
        for action in model_admin.acts
        if action.name in model_admin.row_acts
        and staff.may(user, action.permission)
        and not actions.held(action, user, now)
    ]
    place = request.GET.urlencode()
    for row in rows:
        row.todo = [
            actions.button(model_admin, action, row, place)
            for action in offered
            if action.allows(user, row) and not action.refusal(row, now)
        ]
