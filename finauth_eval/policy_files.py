"""Goals in a TOML file: one [[policy]] table a goal, with the fields that the policy's class has."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

from finauth_eval.errors import InputError
from finauth_eval.places import Remote, place
from finauth_eval.policies import POLICIES, Policy

__all__ = ["read_policies"]

SCHEMA: Final = "finauth-eval/policies/1"
_FLAGS: Final = {"pooled", "without_insufficient"}
_PROMISES: Final = "subject_to"


def read_policies(path: Path | str | Remote) -> tuple[Policy, ...]:
    r"""The goals of a policy file, in its order.

    The file's ``schema`` is ``"finauth-eval/policies/1"``; each ``[[policy]]`` has a ``name`` (``max_bpcer``,
    ``max_apcer``, ``min_cost``, ``accept_review_reject``, ``equal_error``, ``youden``, ``best_f_beta``) and that
    policy's fields; ``subject_to`` is a list of such tables.

    Args:
        path: The TOML file, a path or a URL such as ``s3://bucket/goals.toml``.

    Raises:
        InputError: The file can't be read, is no TOML, or asks for what there is not; the message names the table.

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp(), "goals.toml")
        >>> _ = file.write_text('schema = "finauth-eval/policies/1"\n[[policy]]\nname = "max_bpcer"\ntarget = 0.01\n')
        >>> read_policies(file)
        (MaxBpcer(target=0.01, confidence=None, subject_to=()),)
    """
    path = place(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        raise InputError(f"{path}: not readable as TOML ({error})") from error
    if content.get("schema") != SCHEMA:
        raise InputError(f"{path}: schema is {content.get('schema')!r}; expected {SCHEMA!r}")
    unknown = sorted({*content} - {"schema", "policy"})
    if unknown:
        raise InputError(f"{path}: {unknown[0]!r} is not known here; expected 'schema' and [[policy]] tables")
    tables = content.get("policy")
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{path}: no [[policy]] table; expected at least one")
    found = []
    for number, table in enumerate(tables, start=1):
        try:
            found.append(_policy(table))
        except ValueError as error:
            raise InputError(f"{path}: policy {number}: {error}") from error
    return tuple(found)


def _policy(table: Any) -> Policy:
    """The policy of one table.

    Raises:
        ValueError: The table is not a policy, whatever is wrong with it.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{table!r} is no table; expected one with a name")  # noqa: TRY004 - see above
    kind = POLICIES.get(str(table.get("name")))
    if kind is None:
        raise ValueError(f"name is {table.get('name')!r}; expected one of {', '.join(POLICIES)}")
    known = {own.name: own for own in fields(kind)}
    given = {key: value for key, value in table.items() if key != "name"}
    for key in given:
        if key not in known:
            raise ValueError(f"{kind.name} has no {key!r}; it has {', '.join(known) or 'no fields'}")
    for key, own in known.items():
        if key not in given and own.default is MISSING:
            raise ValueError(f"{kind.name} lacks {key!r}")
    return kind(**{key: _value(key, value) for key, value in given.items()})


def _value(key: str, value: Any) -> Any:
    if key == _PROMISES:
        if not isinstance(value, list):
            raise ValueError(f"{key} is {value!r}; expected a list of tables, each a promise")
        return tuple(_policy(each) for each in value)
    if key in _FLAGS:
        if not isinstance(value, bool):
            raise ValueError(f"{key} is {value!r}; expected true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is {value!r}; expected a number")  # noqa: TRY004 - see above
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(
            f"{key} is a number of {len(str(value))} digits; expected one that can be meant"
        ) from error
