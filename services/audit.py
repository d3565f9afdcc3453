"""Audits a bundle: verifies it, compares it with what the reader pins, and recompiles what its texts say.

On top of `ledger.bundle_verify`, which knows hashes and proofs, this knows meaning: that a dataset was registered under
the relation its schema demands, that the SQL text is the one proposed and compiles to the very relation proved, and
what the released sums make of it. No process is asked for anything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from ledger.bundle import AuditBundle, BundleDataset
from ledger.bundle_errors import BundleContradictedError
from ledger.bundle_verify import VerifiedBundle, require_string, verify_bundle
from ledger.deploy import Deployment
from query.directory import Directory, RegisteredTable
from query.dominance import DominanceClause, LargestRule
from query.errors import QueryError
from query.limits import Limits
from query.plan import Plan, compile_question
from query.policy import Policy
from query.publication import Publication, possible_compilations, possible_publications
from query.registration import registration_relation
from query.schema import TableSchema, encode_schema, parse_schema
from query.statistics import Result as Output
from services.directory import question_hash, table_name_hash
from services.results import finish
from zk.encoding import COMPILER_VERSION, relation_hash
from zk.pairing import G2

MAX_COVERED: Final = 6  # columns whose subsets are tried
_COMPILER_FIELD = 16 * 14  # bit at which the compiler's version stands in the first word of a relation


@dataclass(frozen=True, slots=True)
class PinnedString:
    """A string the reader trusts: its id and [τ]_2, where they come from, and whether somebody may know τ (None where
    that is not known)."""

    srs_id: bytes
    tau_g2: G2
    source: str
    development: bool | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit of one bundle came to.

    Args:
        verified: the bundle with its statement, proof and opened sums.
        string: the pinned string it was compared with, None where the reader named none: nothing is shown then but
            that the parts fit together.
        deployment: the pinned contracts it was compared with, or None.
        schemas: schema of every dataset in order, None for one that is not given.
        canonical: for every dataset whether its registration was verified and is the one its schema demands.
        plan: what the SQL text means, recompiled to exactly the proved relation; None where that could not be done.
        unchecked_sql: why an SQL text that is there was not recompiled, or empty.
        outputs: the statistics, where every sum they need was passed on.
    """

    verified: VerifiedBundle
    string: PinnedString | None
    deployment: Deployment | None
    schemas: tuple[TableSchema | None, ...] = field(repr=False)
    canonical: tuple[bool, ...]
    plan: Plan | None = field(repr=False)
    unchecked_sql: str
    outputs: tuple[Output, ...]


def audit_bundle(
    bundle: AuditBundle, *, string: PinnedString | None = None, deployment: Deployment | None = None
) -> Audit:
    """Audit a bundle; see `Audit` for what the result says.

    Raises:
        BundleContradictedError: parts do not fit together, or not what is pinned, or a text means something else.
        ProofRejectedError: a proof or an opening does not verify.
        SumsInvalidError: the released sums cannot be those of the question.
    """
    if string is not None:
        require_string(bundle, string.srs_id, string.tau_g2)
    if deployment is not None:
        _require_deployment(bundle, deployment)
    verified = verify_bundle(bundle)
    schemas = tuple(map(_schema, bundle.datasets, bundle.schemas or [b""] * len(bundle.datasets)))
    canonical = tuple(_is_canonical(bundle, number, schema) for number, schema in enumerate(schemas))
    plan, reason = _recompiled(verified, schemas)
    outputs: tuple[Output, ...] = ()
    shown = {**verified.public, **verified.released}
    if plan is not None and shown:
        _, outputs = finish(plan, shown)
    return Audit(verified, string, deployment, schemas, canonical, plan, reason, outputs)


def _require_deployment(bundle: AuditBundle, pinned: Deployment) -> None:
    chain = bundle.chain
    named = (chain.chain_id, chain.studies.lower(), chain.registry.lower(), bundle.string.srs_id)
    if named != (pinned.chain_id, pinned.studies.lower(), pinned.registry.lower(), pinned.srs_id):
        raise BundleContradictedError("chain", "it names another chain, contracts or string than the pinned deployment")


def _schema(entry: BundleDataset, text: bytes) -> TableSchema | None:
    if not text:
        return None
    try:
        schema = parse_schema(text)
    except QueryError as error:
        raise BundleContradictedError("schemas", f"{entry.name}: {error}") from error
    if encode_schema(schema) != text:
        raise BundleContradictedError("schemas", f"{entry.name}: not canonical JSON")
    if table_name_hash(schema.name) != entry.name_hash:
        raise BundleContradictedError("schemas", f"{entry.name} was not registered as {schema.name}")
    return schema


def _compiler_version(words: bytes) -> int:
    return int.from_bytes(words[:32], "big") >> _COMPILER_FIELD & 0xFF


def _is_canonical(bundle: AuditBundle, number: int, schema: TableSchema | None) -> bool:
    """Whether a verified registration is the one its schema demands, as far as this release can tell."""
    if schema is None or not bundle.registrations:
        return False
    if _compiler_version(bundle.registrations[number].statement) != COMPILER_VERSION:
        return False
    entry = bundle.datasets[number]
    try:
        demanded = relation_hash(registration_relation(schema, entry.dataset, entry.version, entry.log_rows))
    except QueryError as error:
        raise BundleContradictedError("schemas", f"{entry.name}: {error}") from error
    if demanded != entry.relation_hash:
        raise BundleContradictedError("registrations", f"{entry.name} was not registered as its schema demands")
    return True


def _recompiled(verified: VerifiedBundle, schemas: tuple[TableSchema | None, ...]) -> tuple[Plan | None, str]:
    """The plan of a bundle's SQL text, compiled anew to the proved relation; else why that is not possible."""
    bundle, question = verified.bundle, verified.bundle.question
    if question is None:
        return None, ""
    possible = possible_publications(bool(verified.public))
    asked = [p for p in possible if question_hash(p, question.salt, question.sql) == bundle.query.sql_hash]
    if not asked:
        raise BundleContradictedError(
            "question", f"not what was proposed: another SQL text, or sums for another reader than {possible[0].value}"
        )
    known = [(entry, schema) for entry, schema in zip(bundle.datasets, schemas) if schema is not None]
    if len(known) != len(schemas):
        return None, "a schema is missing"
    version = _compiler_version(bundle.statement)
    if version != COMPILER_VERSION:
        return None, f"it was compiled by version {version} of the compiler, this release has {COMPILER_VERSION}"
    try:
        return _plan_for(verified, question.sql, asked[0], known)
    except QueryError as error:
        raise BundleContradictedError("question", f"the SQL text cannot be asked: {error}") from error


def _plan_for(
    verified: VerifiedBundle, sql: str, asked: Publication, known: Sequence[tuple[BundleDataset, TableSchema]]
) -> tuple[Plan | None, str]:
    """The plan whose relation is the proved one, without dominance rules or with them for some columns; else why not.

    A bundle has no policies. Which columns a rule is for decides what closed sums a question needs, and which rules
    they are does not; so sets of columns are tried, all of them first. What was let out was not closed.
    """
    least, proved = verified.bundle.query.minimum_group, verified.statement.relation

    def compiled(covered: Collection[tuple[str, str]]) -> list[Plan]:
        tables = []
        for entry, schema in known:
            columns = tuple(column for table, column in covered if table == schema.name)
            clause = DominanceClause((LargestRule(1, 99),), columns) if columns else None
            policy = Policy(minimum_group=least, limits=Limits(dominance=clause))
            shape = entry.dataset, entry.version, entry.log_rows, entry.rows
            tables.append(RegisteredTable(schema, *shape, least, policy))
        return [compile_question(sql, Directory(tables), least, p) for p in possible_compilations(asked)]

    plans = compiled(())
    found = next((plan for plan in plans if plan.relation == proved), None)
    if found is not None:
        return found, ""
    values = [(use.table, column) for use in plans[0].uses for column in use.values]
    if len(proved.sum_forms) > len(plans[0].relation.sum_forms):
        if len(values) > MAX_COVERED:
            return None, f"more than {MAX_COVERED} columns could be under dominance rules, which it does not name"
        for size in range(len(values), 0, -1):
            for covered in combinations(values, size):
                try:
                    plans = compiled(covered)
                except QueryError:
                    continue  # with so many closed sums it cannot be asked
                found = next((plan for plan in plans if plan.relation == proved), None)
                if found is not None and not _lets_out_closed(found, verified.proof.release):
                    return found, ""
    raise BundleContradictedError("question", "the SQL text means another relation than the one proved")


def _lets_out_closed(plan: Plan, release: int) -> bool:
    """Whether a release word names a sum that serves a dominance rule: then the question was another one."""
    return any(release >> row & 1 for row, spec in enumerate(plan.sums) if spec.closed)
