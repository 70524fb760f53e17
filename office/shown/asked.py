"""What a list was asked for, in words: from its address alone, or as its page says it."""

from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext as _

from kit.marks import labelled, listed


def in_words(model: Any, query: str) -> list[str]:
    return [_part(model, name, value) for name, value in parse_qsl(query)]


def on_screen(changelist: Any) -> list[str]:
    """The search and the filters of a list, in the words that its page shows them in."""
    said = [_("search: %(value)s") % {"value": changelist.query}] if changelist.query else []
    for spec in changelist.filter_specs:
        names = spec.expected_parameters()
        given = [
            changelist.filter_params[name] for name in names if changelist.filter_params.get(name)
        ]
        if given:
            words = getattr(spec, "said", "") or _chosen(spec, changelist, given)
            said.append(labelled(spec.title, words))
    return said


def _chosen(spec: Any, changelist: Any, given: list[Any]) -> str:
    chosen = [str(each["display"]) for each in spec.choices(changelist) if each["selected"]]
    values = [value for one in given for value in ([one] if isinstance(one, str) else one)]
    return listed(chosen or values)


def _part(model: Any, name: str, value: str) -> str:
    if name == "q":
        return _("search: %(value)s") % {"value": value}
    first, _double, how = name.partition("__")
    try:
        field = model._meta.get_field(first)
    except FieldDoesNotExist:
        return labelled(name, value)
    words = {
        "from": _("from %(value)s"),
        "to": _("to %(value)s"),
        "least": _("from %(value)s"),
        "most": _("to %(value)s"),
        "older": _("more than %(value)s days"),
    }
    choices = {str(kept): str(shown) for kept, shown in field.flatchoices}
    shown = choices.get(value, value)
    if field.get_internal_type() == "BooleanField":
        shown = _("yes") if value == "1" else _("no")
    said = words[how] % {"value": shown} if how in words else shown
    return labelled(field.verbose_name, said)
