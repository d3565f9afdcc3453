"""What a relation must satisfy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zk.expansion import expanded_sum_forms, expanded_zero_forms
from zk.forms import MAX_HINT_TERMS, ONE, Challenge, Form, Hint, HintKind, Term, require, require_at_most, term_order
from zk.relation import (
    GUARD_BITS_LOG,
    MAX_CELLS,
    MAX_CODE,
    MAX_CODES,
    MAX_GROUPS,
    MAX_LOG_ROWS,
    MAX_OPENED,
    MAX_REGISTERED,
    MAX_SECOND,
    MAX_SUMS,
    MAX_TABLE_BITS,
    MAX_WITNESSES,
    MAX_ZERO_FORMS,
    MIN_GUARD_LOG_ROWS,
    MIN_LOG_ROWS,
    MIN_TABLE_LOG_ROWS,
    Relation,
)
from zk.transcript import FR_MODULUS

Weights = dict[int, frozenset[int]]


def validate(relation: Relation) -> None:
    """Raise RelationInvalidError unless a relation is within the language."""
    _validate_shape(relation)
    _validate_witnesses(relation)
    _validate_linear(relation)
    zero_forms, sum_forms = expanded_zero_forms(relation), expanded_sum_forms(relation)
    require_at_most("zero-forms", len(zero_forms), MAX_ZERO_FORMS)
    for form in zero_forms + sum_forms:
        _validate_form(relation, form)
    for form in relation.sum_forms:
        require(all(term.right != ONE for term in form), "a sum-form has no constant term: count rows instead")
    used = {index for form in zero_forms + sum_forms for t in form for index in (t.left, t.right)}
    require(set(range(1, relation.column_count + 1)) <= used, "every column must be used by a form or a lookup")
    _validate_sums(relation)


def hides_guards(log_rows: int, cells: int, guards: Iterable[int]) -> bool:
    """Whether guards may be hidden: all stand in the first N/32 rows of s.

    Args:
        log_rows: log2 of N.
        cells: cells of every sum.
        guards: numbers of the sums that guard one.
    """
    return log_rows >= MIN_GUARD_LOG_ROWS and (max(guards) + 1) * cells <= 1 << log_rows >> GUARD_BITS_LOG


def _validate_shape(relation: Relation) -> None:
    registered = len(relation.registered)
    require(MIN_LOG_ROWS <= relation.log_rows <= MAX_LOG_ROWS, f"log_rows must lie in [{MIN_LOG_ROWS}, {MAX_LOG_ROWS}]")
    require(registered >= 1, "a relation names a registered column")
    require_at_most("registered columns", registered, MAX_REGISTERED)
    places = [(c.dataset, c.version, c.column) for c in relation.registered]
    require(len(set(places)) == registered, "a registered column is named twice")
    require(relation.witness_count >= 0, "there are no fewer than no witness columns")
    require_at_most("witness columns", relation.witness_count, MAX_WITNESSES)
    require_at_most("group columns", len(relation.groups), MAX_GROUPS)
    require_at_most("columns of round 2", relation.round2_count, MAX_SECOND)
    require_at_most("opened columns", len(relation.opened), MAX_OPENED)
    require(tuple(sorted(set(relation.opened))) == relation.opened, "opened columns must be strictly increasing")
    openable = {*relation.witness_indices(), *relation.round2_indices()}
    if relation.lookups:
        openable -= {relation.table_side_index}
        require(relation.table_index in relation.opened, "the range table is opened")
        openable |= {relation.table_index}
        limit = min(MAX_TABLE_BITS, relation.log_rows)
        require(1 <= relation.table_bits <= limit, f"the range table has 1 to {limit} bits")
        require(relation.log_rows >= MIN_TABLE_LOG_ROWS, f"lookups need 2^{MIN_TABLE_LOG_ROWS} rows")
    else:
        require(relation.table_bits == 0, "without lookups there is no range table")
    if relation.hidden_guards:
        require(relation.bits_index in relation.opened, "the bits of hidden guards are opened")
        openable |= {relation.bits_index}
    require(openable >= set(relation.opened), "only witnesses, columns of round 2 and the table are opened")
    for group in relation.groups:
        require(1 <= len(group.codes) <= MAX_CODES, f"a group column has 1 to {MAX_CODES} codes")
        require(
            group.codes[0] > 0 and group.codes[-1] <= MAX_CODE and tuple(sorted(set(group.codes))) == group.codes,
            f"codes of groups are strictly increasing, from 1 to {MAX_CODE}; 0 is reserved",
        )
    require(bool(relation.products) <= bool(relation.groups), "products of round 2 belong to groups")
    require(len(relation.sum_forms) >= 1, "a relation has a sum")
    require_at_most("sums", len(relation.sum_forms), MAX_SUMS)
    require_at_most("cells of sums", relation.sum_rows, MAX_CELLS)
    require_at_most("cells of sums in a table of so few rows", relation.sum_rows, relation.rows)


def _validate_witnesses(relation: Relation) -> None:
    indices = relation.witness_indices()
    columns = [hint.column for hint in relation.hints]
    require(sorted(set(columns)) == columns and set(columns) <= set(indices), "hints are for witnesses, increasing")
    for hint in relation.hints:
        _validate_hint(hint)
    defined = [column for column in indices if column not in relation.hinted]
    require(len(relation.zero_forms) >= len(defined), "every witness needs its defining zero-form or a hint")
    for rank, (column, form) in enumerate(zip(defined, relation.zero_forms, strict=False)):
        own = [term for term in form if column in (term.left, term.right)]
        require(own == [Term(-1, ONE, column)], f"zero-form {rank} must define witness column {column}")
        require(
            all(max(t.left, t.right) <= column for t in form) and len(form) > 1,
            f"witness column {column} must be defined by earlier columns",
        )
    for place, form in enumerate(relation.products):
        column = relation.product_index(place)
        require(
            bool(form) and all(max(t.left, t.right) < column for t in form),
            f"column {column} must be defined by earlier columns",
        )


def _validate_hint(hint: Hint) -> None:
    require(1 <= len(hint.form) <= MAX_HINT_TERMS, f"a hint has 1 to {MAX_HINT_TERMS} terms")
    digits = hint.kind is HintKind.DIGITS
    require(digits == (hint.width > 0) and 0 <= hint.width <= 32, "digits have 1 to 32 bits, other hints none")
    require(0 <= hint.shift <= 248 * digits, "digits start below bit 249, other hints have no shift")
    require(all(term.right < hint.column for term in hint.form), "a hint uses earlier columns")


def _validate_linear(relation: Relation) -> None:
    last = len(relation.registered) + relation.witness_count
    forms = [*relation.lookups, *(group.form for group in relation.groups), *(hint.form for hint in relation.hints)]
    for form in forms:
        require(bool(form) and tuple(sorted(form, key=term_order)) == form, "a linear form is not in canonical order")
        require(
            all(t.left == ONE and 0 <= t.right <= last and t.challenge is Challenge.NONE for t in form),
            "lookups, groups and hints are linear in registered and witness columns",
        )
        require(any(t.right != ONE for t in form), "lookups, groups and hints need a column")
        require(len({t.right for t in form}) == len(form), "a column stands once in a linear form")
        require(all(0 < abs(t.coefficient) <= FR_MODULUS // 2 for t in form), "coefficients lie in (-r/2, r/2)")


def _validate_form(relation: Relation, form: Form) -> None:
    require(len(form) > 0, "a form has at least one term")
    require(tuple(sorted(form, key=term_order)) == form, "terms must be in canonical order")
    require(len({(t.left, t.right, t.challenge) for t in form}) == len(form), "a product stands once in a form")
    opened = set(relation.opened)
    for term in form:
        require(0 < abs(term.coefficient) <= FR_MODULUS // 2, "coefficients lie in (-r/2, r/2) and are not 0")
        require(
            term.left >= 0 and 0 <= term.right <= relation.column_count, "a term names a column that does not exist"
        )
        require(term.left == ONE or term.left in opened, "the left factor of a term is 1 or an opened column")
        require(term.right != ONE or term.left == ONE, "a factor of 1 stands left")
        both = term.left != ONE and term.right in opened
        require(not both or term.left <= term.right, "of two opened factors the first in order stands left")


def group_weights(relation: Relation) -> Weights:
    """For every column that sums may use: the group columns whose inverse is a factor of it.

    Raises:
        RelationInvalidError: the terms of a product disagree, or take one group twice.
    """
    weights: Weights = {ONE: frozenset()}
    for index in range(1, len(relation.registered) + relation.witness_count + 1):
        weights[index] = frozenset()
    for place in range(len(relation.groups)):
        weights[relation.group_index(place)] = frozenset({place})
    for place, form in enumerate(relation.products):
        weights[relation.product_index(place)] = _form_weight(form, weights)
        require(bool(weights[relation.product_index(place)]), "a product of round 2 has a group inverse as factor")
    return weights


def _form_weight(form: Form, weights: Weights) -> frozenset[int]:
    found = set()
    for term in form:
        require(term.left in weights and term.right in weights, "sums use no column of a lookup")
        require(not weights[term.left] & weights[term.right], "a group inverse is a factor twice")
        found.add(weights[term.left] | weights[term.right])
    require(len(found) == 1, "the terms of a form are taken over different groups")
    return found.pop()


def _of_different_datasets(relation: Relation, terms: Sequence[frozenset[int]]) -> bool:
    """Whether no two terms are of columns of one dataset, so that together they count the rows of several."""
    datasets: dict[int, frozenset[int]] = {ONE: frozenset()}
    for index, column in enumerate(relation.registered, start=1):
        datasets[index] = frozenset({column.dataset})
    for index in relation.witness_indices():
        form = relation.hinted[index].form if index in relation.hinted else relation.definition(index)
        datasets[index] = frozenset().union(*(datasets[t.left] | datasets[t.right] for t in form))
    found = [frozenset().union(*(datasets.get(index, frozenset()) for index in term)) for term in terms]
    return all(found) and sum(map(len, found)) == len(frozenset().union(*found))


def _validate_sums(relation: Relation) -> None:
    weights = group_weights(relation)
    everything = frozenset(range(len(relation.groups)))
    for form in relation.zero_forms:
        require(all(term.challenge is Challenge.NONE for term in form), "challenges stand in lookups and groups only")
        require(
            all(max(t.left, t.right) <= len(relation.registered) + relation.witness_count for t in form),
            "zero-forms are over registered and witness columns",
        )
    for form in relation.sum_forms:
        require(_form_weight(form, weights) == everything, "every sum is taken over every group column")
    require(len(relation.guards) == len(relation.sum_forms), "every sum names its guard")
    inverses = {relation.group_index(place) for place in range(len(relation.groups))}
    masked = relation.boolean_columns()
    counting = masked | inverses | {ONE}
    for place, form in enumerate(relation.products):
        factors = {form[0].left, form[0].right}
        if len(form) == 1 and form[0].coefficient == 1 and factors <= counting:
            counting |= {relation.product_index(place)}
            masked |= {relation.product_index(place)} if factors & masked else set()
    for guard in relation.guards:
        require(
            0 <= guard < len(relation.sum_forms) and relation.guards[guard] == guard,
            "a guard must be a sum that guards itself",
        )
        form = relation.sum_forms[guard]
        pairs = [frozenset({term.left, term.right}) for term in form]
        counted = all(t.coefficient == 1 for t in form) and all(p <= counting and bool(p & masked) for p in pairs)
        require(len(form) == 1 or _of_different_datasets(relation, pairs), f"guard sum {guard} counts a row twice")
        require(counted, f"guard sum {guard} must count rows of columns proved boolean")  # M8: never inverses alone
    if relation.hidden_guards:
        require(not relation.plain, "the guards of plain sums stand in the statement and are not hidden")
        require(
            hides_guards(relation.log_rows, relation.cells, relation.guards),
            "hidden guards stand in the first N/32 rows of s",
        )
