"""Marks between words, and between what programs have noted, in both languages."""

import pytest
from django.utils import translation

from kit.marks import labelled, listed, named, sentences
from kit.telling import told

NOTED = "INN26112888ZM, line 2, stands in the bill more than once"


@pytest.mark.once
@pytest.mark.parametrize(
    ("language", "said", "noted"),
    [
        ("en", ["a: 1", "a, b", "a; b", "a, b", "One. Two."], NOTED),
        (
            "zh-hans",
            ["a：1", "a，b", "a；b", "a、b", "其一。其二。"],
            "INN26112888ZM，第 2 行，在账单里出现多次",
        ),
    ],
)
def test_marks_are_those_of_the_readers_language(language, said, noted):
    two = ["其一。", "其二。"] if language == "zh-hans" else ["One.", "Two."]

    with translation.override(language):
        assert said == [
            labelled("a", 1),
            listed("ab"),
            listed("ab", "; "),
            named("ab"),
            sentences(two),
        ]
        assert told(NOTED) == noted
        assert told("what, somebody: wrote") == "what, somebody: wrote"
