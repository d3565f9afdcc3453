"""EXPLAIN: what a plan proves, names and discloses, for people."""

from __future__ import annotations

from query.plan import Plan


def explain_plan(plan: Plan) -> str:
    """A summary of a plan: tables, columns, shape of the proof, sums with guards and bounds, disclosures."""
    relation = plan.relation
    lines = [f"question   {' '.join(plan.sql.split())}",
             f"rows       2^{relation.log_rows}; smallest group {plan.minimum_group}",
             *(f"table      {use.table} of {use.owner} (dataset {use.dataset}, version {use.version})"
               for use in plan.uses),
             f"columns    {', '.join(f'{column.table}.{column.name}' for column in plan.columns)}",
             f"proof      {relation.witness_count} witness columns, {len(relation.opened)} opened at a random point, "
             f"{len(relation.zero_forms)} vanishing forms, {len(relation.sum_forms)} sums"]
    for number, spec in enumerate(plan.sums):
        guard = "is its own guard" if spec.guard == number else f"guarded by sum {spec.guard}"
        lines.append(f"sum {number:<6} {spec.name}, below 2^{spec.bound.bit_length()}, {guard}")
    lines += [f"output     {output.name}: {output.statistic}" for output in plan.outputs]
    lines += [f"discloses  {line}" for line in plan.disclosures]
    return "\n".join(lines)
