"""Parameters of a question between protobuf and its text."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.v1.study_pb2 import Parameter
from query.errors import ParameterInvalidError
from query.parameters import split_question
from services.convert_study import parameter_messages, question_of
from services.errors import RequestInvalidError

SQL = "SELECT COUNT(*) FROM t WHERE a > :a"


def test_parameters_go_there_and_back() -> None:
    values = {"a": Decimal("-1.50"), "b": "it's", "c": True, "d": False, "e": Decimal(7)}
    assert split_question(question_of(SQL, parameter_messages(values))) == (SQL, values)
    assert question_of(SQL, []) == SQL


REFUSED = [
    [Parameter(name="a")], [Parameter(name="a", number="1e5")], [Parameter(name="a", number="")],
    [Parameter(name="a", number="9" * 26)], [Parameter(name="a", number="0x1")], [Parameter(name="a", number="NaN")],
    [Parameter(name="a", number="1"), Parameter(name="a", number="2")], [Parameter(name="A", number="1")],
    [Parameter(name="a", text="x" * 300)], [Parameter(name="a", text="x\n")], [Parameter(name="", truth=True)],
    [Parameter(name=f"a{k}", truth=True) for k in range(40)],
]


@pytest.mark.parametrize("messages", REFUSED)
def test_what_is_no_parameter_is_refused(messages: list[Parameter]) -> None:
    with pytest.raises((RequestInvalidError, ParameterInvalidError)):
        question_of(SQL, messages)
