"""What a relation means, in plain Python integers: witnesses, lookups, cells. Shares no arithmetic with the prover.

Rows are lists of integers modulo r, by column index; 0 is the constant 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zk.forms import Challenge, Form, Hint, HintKind, Term
from zk.relation import Relation
from zk.transcript import FR_MODULUS as R

Rows = dict[int, list[int]]


def form_rows(form: Sequence[Term], rows: Mapping[int, Sequence[int]], count: int) -> list[int]:
    """Values of a form without challenges on every row."""
    if any(t.challenge is not Challenge.NONE for t in form):
        raise ValueError("a form with challenges has no value before they are drawn")
    return [sum(t.coefficient * rows[t.left][i] * rows[t.right][i] for t in form) % R for i in range(count)]


def signed(value: int) -> int:
    """The representative in (−r/2, r/2)."""
    value %= R
    return value - R if value > R // 2 else value


def hinted(hint: Hint, values: Sequence[int]) -> list[int]:
    """A hinted witness from the values of its form."""
    if hint.kind is HintKind.NOT_NEGATIVE:
        return [int(signed(v) >= 0) for v in values]
    if hint.kind is HintKind.IS_ZERO:
        return [int(v % R == 0) for v in values]
    if hint.kind is HintKind.INVERSE:
        return [pow(v, R - 2, R) for v in values]
    return [v % R >> hint.shift & (1 << hint.width) - 1 for v in values]


def witness_rows(relation: Relation, column: int, rows: Rows) -> list[int]:
    """Rows of one witness from the columns before it."""
    hints = {hint.column: hint for hint in relation.hints}
    if column in hints:
        return hinted(hints[column], form_rows(hints[column].form, rows, relation.rows))
    place = column - len(relation.registered) - 1 - sum(hint.column < column for hint in relation.hints)
    definition: Form = tuple(t for t in relation.zero_forms[place] if column not in (t.left, t.right))
    return form_rows(definition, rows, relation.rows)


def all_rows(relation: Relation, columns: Mapping[int, Sequence[int]]) -> Rows:
    """Rows of 1, the registered columns and the witnesses."""
    rows: Rows = {0: [1] * relation.rows, **{i: list(values) for i, values in columns.items()}}
    first = len(relation.registered) + 1
    for column in range(first, first + relation.witness_count):
        rows[column] = witness_rows(relation, column, rows)
    return rows


def holds(relation: Relation, columns: Mapping[int, Sequence[int]]) -> bool:
    """Whether a relation's zero-forms and lookups hold, and every row that counts lies in a cell."""
    rows = all_rows(relation, columns)
    zero = all(not any(form_rows(form, rows, relation.rows)) for form in relation.zero_forms)
    looked_up = [v for form in relation.lookups for v in form_rows(form, rows, relation.rows)]
    return zero and all(v < 1 << relation.table_bits for v in looked_up) and not outside_counts(relation, rows)


def multiplicities(relation: Relation, rows: Rows) -> list[int]:
    """m: how often every value of the table is looked up, on its first rows; others are not counted. Takes the rows of
    `all_rows`."""
    counts = [0] * relation.rows
    for form in relation.lookups:
        for value in form_rows(form, rows, relation.rows):
            if value < 1 << relation.table_bits:
                counts[value] += 1
    return counts


def cell_codes(relation: Relation) -> list[tuple[int, ...]]:
    """Codes of every cell, the last group fastest."""
    found: list[tuple[int, ...]] = [()]
    for group in relation.groups:
        found = [(*codes, code) for codes in found for code in group.codes]
    return found


def _second_round(relation: Relation, rows: Rows) -> tuple[Rows, list[tuple[int, ...]]]:
    """All rows with every group inverse replaced by 1, and every row's group codes."""
    rows = dict(rows)
    codes = [form_rows(group.form, rows, relation.rows) for group in relation.groups]
    one = 1 if relation.lookups else 0
    bits = 1 if relation.hidden_guards else 0
    at = len(relation.registered) + relation.witness_count + 1 + one + bits + len(relation.lookups) + one
    for place in range(len(relation.groups)):
        rows[at + place] = [1] * relation.rows
    for place, form in enumerate(relation.products):
        rows[at + len(relation.groups) + place] = form_rows(form, rows, relation.rows)
    return rows, [tuple(column[i] for column in codes) for i in range(relation.rows)]


def sums(relation: Relation, rows: Rows) -> list[int]:
    """Every row of s: sum by sum, cell by cell, over the rows whose group codes are the cell's. Takes the rows of
    `all_rows`."""
    rows, codes = _second_round(relation, rows)
    found = []
    for form in relation.sum_forms:
        values = form_rows(form, rows, relation.rows)
        for cell in cell_codes(relation):
            found.append(sum(value for value, code in zip(values, codes) if code == cell) % R)
    return found


def guard_bits(relation: Relation, rows: Sequence[int], minimum: int) -> list[int]:
    """Rows of b from the rows of s: bit 16c + a of g − minimum + N in row v + c·N/32 + a·N/16."""
    column = [0] * relation.rows
    for guard in set(relation.guards):
        for cell in range(len(cell_codes(relation))):
            row = guard * len(cell_codes(relation)) + cell
            for j, bit in enumerate(reversed(f"{rows[row] - minimum + relation.rows:b}")):
                column[row + j // 16 * (relation.rows // 32) + j % 16 * (relation.rows // 16)] = int(bit)
    return column


def outside_counts(relation: Relation, rows: Rows) -> bool:
    """Whether a row whose codes are no cell's contributes to a sum: then a grouped relation has no proof (M8)."""
    rows, codes = _second_round(relation, rows)
    known = set(cell_codes(relation))
    values = [form_rows(form, rows, relation.rows) for form in relation.sum_forms]
    return any(column[i] for i in range(relation.rows) if codes[i] not in known for column in values)
