"""EXPLAIN: what a plan proves, names, costs and discloses, and what the policies say to it, for people."""

from __future__ import annotations

from collections.abc import Sequence

from query.compiler import label_text
from query.directory import Directory
from query.errors import PolicyRefusedError
from query.plan import Plan
from query.policy import Asker, check_policy
from query.rank_cost import rank_cost
from zk.cost import RelationCost, relation_cost

JOINT_FACTOR = 2  # the busiest of three provers works about twice as much as a single one (docs/performance.md)


def _guards(plan: Plan) -> str:
    """How everybody sees that groups are large enough."""
    if plan.relation.hidden_guards:
        return f"hidden: proved to count at least {plan.minimum_group} rows, and not opened"
    if plan.publication.hides_guards:
        return "opened on the ledger: to be hidden they need more rows, N/32 up to the last guard's, or a smaller proof"
    return "opened on the ledger"


def explain_plan(plan: Plan, decisions: Sequence[str] = ()) -> str:
    """A summary of a plan: tables, columns, shape and cost of the proof, sums with guards and bounds, disclosures.

    Args:
        plan: the compiled question.
        decisions: lines of `policy_decisions`.
    """
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
             f"cost       {cost.terms} terms, {cost.words} words, about {cost.gas} gas",
             f"estimate   about {_seconds(estimated_seconds(plan, cost))} of the busiest prover's processor, "
             f"{cost.proof_bytes} bytes of proof"]
    for group in plan.groups:
        labels = ", ".join(map(label_text, group.labels))
        lines.append(f"group      {group.table}.{group.column}: {labels}")
    cells = len(plan.cells)
    for number, spec in enumerate(plan.sums[::cells]):
        guard = plan.sums[number * cells].guard // cells
        words = "is its own guard" if guard == number else f"guarded by sum {guard}"
        words += ", never let out" if spec.closed else ""
        lines.append(f"sum {number:<6} {spec.name.split('|')[0]}, below 2^{spec.bound.bit_length()}, {words}")
    for output in plan.outputs:
        label = ", UNPROVED" if output.statistic.ranked else ""
        lines.append(f"output     {output.name}: {output.statistic}{label}")
    lines += _ranks(plan)
    lines += [f"dominance  {test.words}: at least {float(test.effective):.3g} effective contributors; a comparison of "
              f"{test.bits} bits" for test in plan.dominance.tests]
    lines += [f"discloses  {line}" for line in plan.disclosures]
    lines += [f"policy     {line}" for line in decisions]
    return "\n".join(lines)


def _ranks(plan: Plan) -> list[str]:
    """What is computed besides the proof, and what that costs."""
    if plan.ranks is None:
        return []
    cost = rank_cost(plan.ranks)
    titles = ", ".join(column.title for column in plan.ranks.columns)
    return [f"unproved   order statistics of {titles}: computed by the parties on shares, over as many rows as the "
            "proof counts; no proof shows which rows and values were entered",
            f"unproved   about {_seconds(cost.seconds)}, {cost.rounds} round trips and {cost.bytes_sent} bytes sent by "
            "each party, besides the proof"]


def estimated_seconds(plan: Plan, cost: RelationCost) -> float:
    """Processor seconds of the prover that works most, without waiting for others and the ledger."""
    return cost.seconds * (JOINT_FACTOR if plan.sole_owner is None else 1)


def policy_decisions(plan: Plan, directory: Directory, asker: Asker, now_s: int) -> tuple[str, ...]:
    """Which clause of which table's policy decides: the first that refuses, who approves, the largest minimum group.

    Args:
        plan: compiled against the directory.
        directory: the registered tables, with their policies.
        asker: who would ask.
        now_s: seconds since 1970.
    """
    tables = [directory.table(use.table) for use in plan.uses]
    lines = []
    for table in tables:
        name, approval = table.schema.name, "automatically" if table.policy.automatic else "by a person"
        try:
            check_policy(plan, table, asker, now_s)
        except PolicyRefusedError as refusal:
            lines.append(f"{name}: refused by the clause {refusal.rule}: {refusal.detail}")
        else:
            lines.append(f"{name}: allowed to {asker.member}; approved {approval}")
    least = {table.schema.name: max(table.minimum_group, table.policy.minimum_group) for table in tables}
    decides = [name for name, minimum in least.items() if minimum == plan.minimum_group]
    if decides:
        lines.append(f"groups below {plan.minimum_group} stay closed: minimum_group of {' and '.join(decides)} decides")
    ruling = [f"{table.schema.name}: {clause}" for table in tables if (clause := table.policy.limits.dominance)]
    closed = len(plan.dominance.closed)
    if plan.dominance.tests:
        lines.append(f"totals that too few rows make up stay closed: dominance of {'; of '.join(ruling)}; "
                     f"it adds {closed} sum{'' if closed == 1 else 's'} that nobody sees")
    return tuple(lines)


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value >= 0.1 else "less than 0.1 s"
