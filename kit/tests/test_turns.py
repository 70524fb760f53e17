"""Requests of one user take turns on his row; tests/races/test_turns.py lets them meet."""

from django.db import transaction

from kit import turns
from kit.models import Turn


def test_a_turn_is_taken_as_often_as_one_likes_and_leaves_one_row():
    for _ in range(3):
        with transaction.atomic():
            turns.take("alice")
    with transaction.atomic():
        turns.take("Alice")
        turns.take("alice")

    assert sorted(Turn.objects.values_list("user_id", flat=True)) == ["Alice", "alice"]
