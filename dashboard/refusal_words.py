"""What a refused write looks like to a person: problems at form fields, or one message. Every write view goes through here."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms

from routerapp.serving.refusals import Invalid, WriteRefused


def put_on_form(form: forms.Form, refused: WriteRefused, fields: Mapping[str, str] | None = None) -> None:
    """Each problem at the field of its path (fields maps a path to another field's name), the rest above the form."""
    if not isinstance(refused, Invalid):
        form.add_error(None, str(refused))
        return
    for problem in refused.problems:
        head = problem.path.partition(".")[0].partition("[")[0]
        name = (fields or {}).get(head, head)
        if name in form.fields:
            form.add_error(name, problem.message)
        else:
            form.add_error(None, f"{problem.path}: {problem.message}" if problem.path else problem.message)
