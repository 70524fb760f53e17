"""The reason that staff give: one field in every form that asks for it."""

from django import forms

from kit.plumbing import texts


class ReasonField(forms.CharField):
    """Why, for whoever decides and for the log: of a sentence or some."""

    widget = forms.Textarea(attrs={"rows": 3})
    default_validators = [texts.validate_plain_lines]

    def __init__(self, **kwargs):
        super().__init__(min_length=3, max_length=255, **kwargs)
