"""EXPLAIN: what a plan proves, names, costs and discloses, for people."""

from __future__ import annotations

from query.compiler import label_text
from query.plan import Plan
from zk.cost import relation_cost


def _guards(plan: Plan) -> str:
    """How everybody sees that groups are large enough."""
    if plan.relation.hidden_guards:
        return f"hidden: proved to count at least {plan.minimum_group} rows, and not opened"
    if plan.publication.hides_guards:
        return "opened on the ledger: to be hidden they need more rows, N/32 up to the last guard's, or a smaller proof"
    return "opened on the ledger"


def explain_plan(plan: Plan) -> str:
    """A summary of a plan: tables, columns, shape and cost of the proof, sums with guards and bounds, disclosures."""
    relation, cost = plan.relation, relation_cost(plan.relation)
    lines = [f"question   {' '.join(plan.sql.split())}",
             f"rows       2^{relation.log_rows}; smallest group {plan.minimum_group}",
             *(f"table      {use.table} of {use.owner} (dataset {use.dataset}, version {use.version})"
               for use in plan.uses),
             f"columns    {', '.join(f'{column.table}.{column.name}' for column in plan.columns)}",
             f"proof      {cost.commitments} commitments, {cost.openings} opened at a random point, "
             f"{cost.zero_forms} vanishing forms, {cost.sums} sums in {cost.cells} cells",
             f"guards     {_guards(plan)}",
             f"ranges     {cost.lookups} lookups of {relation.table_bits} bits, {cost.limbs} limb columns",
             f"cost       {cost.terms} terms, {cost.words} words, about {cost.gas} gas"]
    for group in plan.groups:
        labels = ", ".join(map(label_text, group.labels))
        lines.append(f"group      {group.table}.{group.column}: {labels}")
    cells = len(plan.cells)
    for number, spec in enumerate(plan.sums[::cells]):
        guard = plan.sums[number * cells].guard // cells
        words = "is its own guard" if guard == number else f"guarded by sum {guard}"
        lines.append(f"sum {number:<6} {spec.name.split('|')[0]}, below 2^{spec.bound.bit_length()}, {words}")
    lines += [f"output     {output.name}: {output.statistic}" for output in plan.outputs]
    lines += [f"discloses  {line}" for line in plan.disclosures]
    return "\n".join(lines)
