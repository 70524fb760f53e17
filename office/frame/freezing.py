"""Freezing a row and letting it go again (冻结): the acts of whatever has `is_frozen`.

A page says what is its own: `permission`, the words, `verbs` (freeze, unfreeze) and `known_by`.
"""

from typing import Any

from django.utils.translation import gettext as _

from office.frame.actions import ReasonAction


class _OnFrozen(ReasonAction):
    is_bulk = True
    refused: Any  # what is said when there is nothing to do


class Freeze(_OnFrozen):
    is_grave = True

    def refusal(self, row, now):
        return self.refused if row.is_frozen else ""

    def facts(self, row):
        return (row.is_frozen,)

    def run(self, row, *, reason, now, also):
        return self.verbs.freeze(**self.row(row), reason=reason, now=now, also=also)


class Unfreeze(_OnFrozen):
    def refusal(self, row, now):
        return "" if row.is_frozen else self.refused

    def preview(self, row, now):
        reason = {"reason": row.frozen_reason or "-"}
        return [self.goes_on(row), _("It was frozen because: %(reason)s") % reason]

    def goes_on(self, row) -> Any:
        raise NotImplementedError

    def facts(self, row):
        return (row.is_frozen, row.frozen_reason)

    def run(self, row, *, reason, now, also):
        return self.verbs.unfreeze(**self.row(row), reason=reason, now=now, also=also)
