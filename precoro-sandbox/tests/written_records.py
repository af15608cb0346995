"""The records that tests write: which, where to, what is stored then, and how one is refused."""

from __future__ import annotations

from precoro_api.resources import BY_NAME, RESOURCES

OPTIONS = tuple(each for each in RESOURCES if each.parent and each.embedding)
OPTION_NAMES = tuple(each.name for each in OPTIONS)
MASTERS = ("suppliers", "items", "taxes", "payment_terms", "locations")
BLANK = "This value should not be blank."
INVALID = "This value is not valid."
USED = "This value is already used."


def refusal(answer, status=400):
    """The one field that was refused, and the words."""
    assert answer.status_code == status, answer.text
    errors = answer.json()
    assert set(errors) == {"errors"}
    assert set(errors["errors"]) == {"errors"}
    ((field, words),) = errors["errors"]["errors"].items()
    return field, words


def base_path(sandbox, name):
    """The path of a kind of master data; for options, that of their field, made if need be."""
    resource = BY_NAME[name]
    if resource.parent is None:
        return resource.list.path
    if not sandbox.store.rows(resource.parent):
        sandbox.store.add(resource.parent, {"name": "Field"})
    field = next(iter(sandbox.store.rows(resource.parent)))
    return f"{BY_NAME[resource.parent].list.path}/{field}/options"


def stored(sandbox, name):
    return list(sandbox.store.rows(name).values())
