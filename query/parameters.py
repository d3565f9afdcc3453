"""Named parameters: values beside the SQL, bound as literals when the question is read.

A question's text is the SQL, followed by one last line where it has parameters:

    SELECT COUNT(*) FROM hospital WHERE age >= :least AND region = :place
    PARAMETERS {"least": 40, "place": "west"}

The line is canonical JSON: names in order, numbers in plain decimal digits. It is a part of the question: every party
reads the same values, and the hash on the ledger covers them. They are never put into the SQL; a value stands where a
literal could stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from query.errors import ParameterInvalidError

Parameter = Decimal | str | bool

MAX_PARAMETERS: Final = 32
MAX_TEXT: Final = 256
MAX_DIGITS: Final = 25

_KEYWORD: Final = "PARAMETERS "
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,47}")


def question_text(sql: str, parameters: Mapping[str, object] | None = None) -> str:
    """The text of a question.

    Args:
        sql: SQL with ``:name`` where a value belongs.
        parameters: int, Decimal, float (by its shortest text), str or bool by name. Public.

    Raises:
        ParameterInvalidError: a name or value is not allowed.
    """
    if not parameters:
        return sql
    if len(parameters) > MAX_PARAMETERS:
        raise ParameterInvalidError(f"a question has at most {MAX_PARAMETERS} parameters")
    checked = {name: _checked(name, value) for name, value in parameters.items()}
    line = ", ".join(f"{json.dumps(name)}: {_encoded(checked[name])}" for name in sorted(checked))
    return f"{sql.rstrip()}\n{_KEYWORD}{{{line}}}"


def split_question(text: str) -> tuple[str, dict[str, Parameter]]:
    """The SQL of a question's text and its parameters.

    Raises:
        ParameterInvalidError: the last line is not what `question_text` writes.
    """
    sql, separator, line = text.rpartition("\n")
    if not separator or not line.startswith(_KEYWORD):
        return text, {}
    try:
        found = json.loads(line[len(_KEYWORD):], parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as fault:
        raise ParameterInvalidError("the line of parameters is not JSON") from fault
    if not isinstance(found, dict):
        raise ParameterInvalidError("the line of parameters is not an object")
    parameters = {name: _checked(name, value) for name, value in found.items()}
    if question_text(sql, parameters) != text:
        raise ParameterInvalidError("the line of parameters is not in canonical form")
    return sql, parameters


def parse_parameter(text: str) -> tuple[str, Parameter]:
    """A parameter written as ``name=value``: a number, true or false, else a text; 'quoted' it is always a text.

    Raises:
        ParameterInvalidError: the text is not of that form, or the name or value is not allowed.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ParameterInvalidError("write a parameter as name=value")
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return name, _checked(name, value[1:-1])
    if value in ("true", "false"):
        return name, _checked(name, value == "true")
    number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value)
    return name, _checked(name, Decimal(value) if number and len(value) <= MAX_DIGITS else value)


def _checked(name: object, value: object) -> Parameter:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ParameterInvalidError("a parameter's name has 1 to 48 lower-case letters, digits and underscores, and "
                                    "starts with a letter")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT or not value.isprintable():
            raise ParameterInvalidError(f"{name}: a text is printable and has at most {MAX_TEXT} characters")
        return value
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, int):
        if abs(value) >= 10**MAX_DIGITS:
            raise ParameterInvalidError(f"{name}: a number has at most {MAX_DIGITS} digits")
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise ParameterInvalidError(f"{name}: a parameter is a number, a text or a truth value")
    if not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS or len(value.as_tuple().digits) > MAX_DIGITS:
        raise ParameterInvalidError(f"{name}: a number has at most {MAX_DIGITS} digits")
    return value


def _encoded(value: Parameter) -> str:
    if isinstance(value, Decimal):
        return f"{value + 0:f}"  # without a sign of zero
    return json.dumps(value)


def _refuse(text: str) -> Decimal:
    raise ValueError(text)
