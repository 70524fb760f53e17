"""The states of a change of a staff account. No ORM, no queries (docs/states.md)."""

from kit.decisions import DECISION_MOVES, UNDECIDED, Decision

__all__ = ["CHANGE_MOVES", "UNDECIDED", "ChangeStatus"]

ChangeStatus = Decision
CHANGE_MOVES = DECISION_MOVES
