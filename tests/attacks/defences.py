"""The defences that the attack suite is about, each as the change that takes it away and the attacks that then succeed.

`test_removed_defences` applies one change at a time to a copy of the repository and runs the named tests there. An
attack whose test still passes without its defence shows nothing. A defence that moved makes the copy's change fail:
say here where it went.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Defence:
    """One check, and what fails without it.

    Args:
        name: in the words of docs/protocol.md.
        file: where it stands.
        old: its text, once in the file.
        new: what it becomes.
        tests: test files, from tests/.
        chosen: pytest's expression for the tests in them.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    chosen: str = ""

    @property
    def in_contract(self) -> bool:
        """Whether contracts have to be compiled anew."""
        return self.file.endswith(".vy")


def _attack(name: str) -> tuple[str, ...]:
    return (f"attacks/test_{name}.py",)


_ABSORBED: Final = ("attacks/test_absorption.py", "attacks/test_absorption_rounds.py")
_VERIFIER: Final = "zk/verifier.py"
_STATEMENT: Final = "zk/statement.py"
_SESSION: Final = "services/party/session.py"
_STEPS: Final = "services/party/session_steps.py"
_RULES: Final = "zk/relation_rules.py"
_PROOF_CONTRACT: Final = "ledger/contracts/ProofVerifier.vy"
_STUDIES: Final = "ledger/contracts/Studies.vy"
_REGISTRY: Final = "ledger/contracts/Registry.vy"

_OUTSIDE: Final = ("services/test_outside_session.py",)
_DOMINANCE: Final = ("services/test_session_dominance.py",)

_TRANSCRIPT: Final = (
    Defence("the statement's hash is absorbed", _STATEMENT, "self.subject, self.hash, [*flatten(table)",
            "self.subject, bytes(32), [*flatten(table)", _ABSORBED),
    Defence("the subject is absorbed", _STATEMENT, "Transcript(self.domain, self.subject,",
            "Transcript(self.domain, bytes(32),", _attack("m15_guards"), "one_proof_serves"),
    Defence("round 1 is absorbed", _STATEMENT, 'absorb("round1", flatten(points))', 'absorb("round1", [])', _ABSORBED),
    Defence("round 2 is absorbed", _STATEMENT, 'absorb("round2", flatten(points))', 'absorb("round2", [])', _ABSORBED),
    Defence("[A] is absorbed", _STATEMENT, 'absorb("accumulator", point)', 'absorb("accumulator", [])', _ABSORBED),
    Defence("[t] is absorbed", _STATEMENT, 'absorb("quotient", point)', 'absorb("quotient", [])', _ABSORBED),
    Defence("opened values are absorbed", _STATEMENT, '"evaluations", [*values, shifted]',
            '"evaluations", []', _ABSORBED),
    Defence("W and opened rows are absorbed", _STATEMENT, '"opening", [*head, *point]', '"opening", []', _ABSORBED),
    Defence("the minimum of hidden guards is absorbed", _STATEMENT, "[] if self.minimum is None else [self.minimum]",
            "[]", _attack("hidden_guards"), "statements or every_challenge"),
    Defence("plain sums are absorbed", _STATEMENT, "*minimum, *constants])", "*minimum])", _ABSORBED),
)

_PROOFS: Final = (
    Defence("the pairing", _VERIFIER, 'raise ProofRejectedError("pairing")', "return", _attack("lookups"), "dishonest"),
    Defence("infinity is no point (M12)", _VERIFIER, "if any(point == (0, 0) for point in points):", "if False:",
            _attack("m12_registration"), "infinity"),
    Defence("β is no code (M8)", _VERIFIER, "if denominators(statement, proof, rounds) == 0:", "if False:",
            _attack("m08_groups"), "hits_a_code"),
    Defence("scalars are canonical", _VERIFIER,
            "if not all(isinstance(x, int) and 0 <= x < FR_MODULUS for x in scalars):", "if False:",
            _attack("absorption"), "one_form"),
    Defence("the shape is the relation's", _VERIFIER, 'raise ProofRejectedError("shape")', "pass",
            ("attacks/test_fuzz_proofs.py", "attacks/test_shape.py"), "shape"),
    Defence("guards are at least the minimum (M15)", _VERIFIER,
            "if not all(minimum <= shown[row] <= relation.rows for row in guards):",
            "if not all(shown[row] <= relation.rows for row in guards):", _attack("m15_guards")),
    Defence("guards are at most the rows (M15)", _VERIFIER,
            "if not all(minimum <= shown[row] <= relation.rows for row in guards):",
            "if not all(minimum <= shown[row] for row in guards):", _attack("m15_guards")),
    Defence("a record releases something (M5)", _VERIFIER, "if not proof.release & RELEASED:", "if False:",
            _attack("m05_suppressed_rows"), "releases_nothing"),
    Defence("a public sum is a released one (M15)", _STATEMENT,
            "if release < 0 or released >> rows or public & ~released:", "if release < 0 or released >> rows:",
            _attack("m15_guards"), "public_sum"),
    Defence("guards of released sums are opened (M15)", _STATEMENT,
            "{relation.guard_row(r) for r in range(rows) if released >> r & 1}", "set()", _attack("m15_guards")),
    Defence("codes increase from 1 (M8)", _RULES,
            "group.codes[0] > 0 and group.codes[-1] <= MAX_CODE and tuple(sorted(set(group.codes))) == group.codes",
            "True", _attack("m08_groups"), "strictly_increasing or not_decoded"),
    Defence("inverses alone are no guard (M8)", _RULES, "all(p <= counting and bool(p & masked) for p in pairs)",
            "all(p <= counting for p in pairs)", _attack("m08_groups"), "inverses_alone"),
    Defence("a guard counts booleans (M15)", _RULES, "all(t.coefficient == 1 for t in form) and all(p <= counting",
            "all(t.coefficient == 1 for t in form) or all(p <= counting", _attack("m15_guards"), "no_count"),
    Defence("a group's inverse is one (M8)", "zk/expansion.py",
            "forms.append(inverse_form(group.form, relation.group_index(place), GROUP_CHALLENGES[place], opened))",
            "pass", _attack("m08_groups"), "false_cells or count_twice"),
    Defence("a lookup's inverse is one", "zk/expansion.py",
            "forms.append(inverse_form(form, relation.lookup_index(place), Challenge.LOOKUP, opened))", "pass",
            _attack("lookups"), "dishonest or helper"),
    Defence("the range table is proved (M9)", "zk/range_table.py", 'raise ProofRejectedError("table: pairing")', "pass",
            _attack("m09_range_table")),
    Defence("booleans are boolean (M12)", "query/registration.py",
            "builder.vanish([(1, handle, handle), (-1, ONE, handle)])", "pass",
            _attack("m12_registration"), "break_a_rule"),
    Defence("absent rows are empty (M12)", "query/registration.py",
            "builder.vanish([(1, ONE, handle), (-1, switch, handle)])", "pass",
            _attack("m12_registration"), "break_a_rule"),
    Defence("values are within bounds (M12)", "query/registration.py",
            "builder.in_range({handle: 1}, column.bound)", "pass", _attack("m12_registration"), "break_a_rule"),
    Defence("the prover's rows are the relation's (M6)", "zk/witness.py",
            "if len(secret.rows) != self._n or len(secret.blinder) != 1:", "if False:",
            _attack("m06_half_the_rows"), "another_length"),
    Defence("nothing works after a refusal (M4)", "zk/steps.py", 'self._step = "ended"', "self._step = following",
            _attack("m04_order")),
)

_HIDDEN_GUARDS: Final = (
    Defence("top bits of released guards are opened to 1", "zk/guards.py",
            "guards = {relation.guard_row(row) for row in range(relation.sum_rows) if release >> row & 1}",
            "guards = set[int]()", _attack("hidden_guards"), "top_bit"),
    Defence("bits are bound to the sums", _STATEMENT,
            "rows = self.relation.guard_rows if self.relation.hidden_guards else ()", "rows = ()",
            _attack("hidden_guards"), "larger_number"),
    Defence("bits are bits", _STATEMENT, "for u, form in enumerate(self._zero_forms)]",
            "for u, form in enumerate(self._zero_forms[: -1 if self.relation.hidden_guards else None])]",
            _attack("hidden_guards"), "no_bits_are_refused"),
    Defence("the statement's minimum is large enough", _VERIFIER, "if statement.minimum < minimum:", "if False:",
            _attack("hidden_guards"), "statements"),
    Defence("a guard counts rows", "zk/guards.py", "if not all(0 <= guard <= relation.rows for guard in guards):",
            "if False:", _attack("hidden_guards"), "no_count"),
    Defence("hidden guards fit (32 rows each)", "zk/relation_rules.py",
            "return log_rows >= MIN_GUARD_LOG_ROWS and (max(guards) + 1) * cells <= 1 << log_rows >> GUARD_BITS_LOG",
            "return True", _attack("hidden_guards"), "where_their_rows_fit"),
    Defence("plan and statement have one minimum", _STEPS, "if plan.statement.minimum not in (None, plan.minimum):",
            "if False:", ("services/test_session_guards.py",), "one_minimum"),
    Defence("products of the bits are checked (M13)", "mpc/bits.py", "products.verify()", "pass",
            ("services/test_session_guards.py",), "bent_product"),
)

_SESSIONS: Final = (
    Defence("sums of a joint proof are sealed (M1)", _STEPS, "if self._relation.plain:", "if False:",
            _attack("m01_weights"), "even_of_one_owner"),
    Defence("plain sums have one owner (M1)", "zk/prover.py",
            'raise RelationInvalidError("sums stand in the statement only where one contributor owns every '
            'column (M1)")',
            "pass", _attack("m01_weights"), "by_nobody"),
    Defence("shares of the sums are the proved ones (M2)", _SESSION,
            'raise ContributionRejectedError("binding the shares of the sums to the proof")', "pass",
            _attack("m02_disclosure"), "other_than_the_proved"),
    Defence("products of the disclosure check are checked (M2)", "mpc/compare.py", "products.verify()", "pass",
            _attack("m02_disclosure"), "consistent_errors"),
    Defence("both holders of an opened component agree (M2)", "mpc/endpoint.py",
            'raise ShareMismatchError(f"the holders of component {self._previous} of {label!r} disagree")', "pass",
            ("mpc/test_checked_words.py", "mpc/test_checked_shuffle.py")),
    Defence("r(ζ) = 0 is tested before A(ωζ) is opened (M3)", _SESSION,
            'raise ContributionRejectedError("testing r(zeta) for zero", self._plan.contributors)', "pass",
            _attack("m03_failed_proof"), "probe"),
    Defence("small cells stay closed (M5)", "services/disclosure.py", "if not risks[row % cells] and not", "if not",
            _attack("m05_suppressed_rows"), "suppressed_cell"),
    Defence("sums of a dominance rule stay closed", "services/disclosure.py",
            " and not dominance.is_closed(row, cells))", ")", _DOMINANCE, "group_alone"),
    Defence("dominated totals stay closed", _SESSION, '"guards", safe=safe)', '"guards")', _DOMINANCE,
            "one_contributor"),
    Defence("all parties test the same totals", _SESSION,
            'self._messages.require_equal("dominance", dominance.digest, "comparing dominance rules")', "pass",
            _DOMINANCE, "weakens"),
    Defence("squares of totals are checked (M2)", "services/party/dominance_factors.py", "products.verify()", "pass",
            _DOMINANCE, "bent_comparison"),
    Defence("totals that share a value are tested apart", "query/dominance_sums.py", "if len(alike) > 1:", "if False:",
            ("query/test_dominance.py",), "every_total"),
    Defence("nothing is released where all are small (M5)", _SESSION, "if risks.all():", "if False:",
            _attack("m05_suppressed_rows"), "opened_to_nobody or all_of_whose"),
    Defence("uploads are bound to commitments (M13)", "services/party/session_columns.py",
            'raise ContributionRejectedError("binding the shares of a round\'s columns", self._messages.contributors)',
            "pass", _attack("m13_uploads"), "something_else or every_upload"),
    Defence("both holders publish one commitment (M13)", "services/party/session_messages.py",
            'raise ContributionRejectedError(f"comparing both holders\' {name}", (holder, following))', "pass",
            _attack("m13_uploads"), "another_commitment"),
    Defence("history is the same at all parties", _SESSION,
            'self._held.require_equal("history", digest, "comparing histories")', "pass",
            ("services/test_session_history.py",)),
    Defence("gaps beside earlier answers are tested", _SESSION,
            "if tests.open_risk(self._engine, self._sums, self._plan.minimum):", "if False:",
            ("services/test_session_history.py",)),
    Defence("what outside owners enter is confirmed", _SESSION, 'self._inputs.confirm("inputs/first")', "pass",
            _OUTSIDE, "enters_two_things and sums"),
    Defence("so is the part of r(ζ) of outside owners", _SESSION, 'self._inputs.confirm("inputs/remainder")', "pass",
            _OUTSIDE, "enters_two_things and remainder"),
    Defence("all three parties tell an outside owner one verdict", "services/party/outside_session.py",
            "raise ContributionRejectedError(check)", "pass", _OUTSIDE, "something_else_is_noticed"),
    Defence("an outside owner knows the rules of a verdict", "services/party/outside_session.py",
            "if all(risks) or release != release_word(self._relation, risks, plan.dominance, plan.public):",
            "if False:", _OUTSIDE, "no_rule_gives or stays_closed"),
    Defence("no row joins two persons (M11)", "query/layout.py",
            "builder.vanish([(1, person_a, present_b), (-1, present_a, person_b)])",
            "builder.vanish([(1, person_a, present_a), (-1, ONE, person_a)])\n"
            "        builder.vanish([(1, person_b, present_b), (-1, ONE, person_b)])",
            _attack("m11_misaligned_rows"), "two_persons or single_prover"),
)

_CONTRACTS: Final = (
    Defence("the release word is the relation's", _PROOF_CONTRACT,
            "assert rows & MASK_128 & ~release == 0 and rows & MASK_128 != 0 and (rows >> 128) & ~rows == 0, "
            '"release word"',
            "pass", _attack("contract_attacks"), "release_words"),
    Defence("opened guards lie in [minimum, N]", _PROOF_CONTRACT,
            """if (guards >> row) & 1 == 1:
                    assert unsafe_sub(value, minimum) <= span, "guard value\"""",
            """if (guards >> row) & 1 == 1:
                    assert value < FR, "guard value\"""", _attack("contract_attacks"), "below_the_minimum"),
    Defence("the calldata has its length", _PROOF_CONTRACT,
            'assert len(msg.data) == unsafe_add(292, unsafe_add(len(statement), len(proof))), "calldata length"',
            "pass", _attack("contract_attacks"), "calldata"),
    Defence("the inverse hint is checked", _PROOF_CONTRACT,
            'assert hint < FR and uint256_mulmod(hint, uint256_mulmod(both, e_bottom, FR), FR) == 1, "hint"', "pass",
            _attack("contract_attacks"), "inverse_hint"),
    Defence("points are on the curve, canonical and not infinity", "ledger/contracts/Precompiles.vy",
            "and uint256_mulmod(y, y, FQ) == uint256_addmod(uint256_mulmod(uint256_mulmod(x, x, FQ), x, FQ), 3, FQ)",
            "and x != 0", _attack("contract_attacks"), "little_gas or replaced"),
    Defence("terms are those of the page", _PROOF_CONTRACT, "pages._check(terms)", "pass",
            _attack("directory_attacks"), "after_approval"),
    Defence("plain sums have one owner (M1)", _STUDIES,
            'assert not shape._is_plain(head) or found.owner != empty(address), "plain sums of several owners"', "pass",
            _attack("groups_and_lookups_contract"), "several_owners"),
    Defence("the statement is the one proposed", _STUDIES,
            """        assert slot == self._slot(extract32(found, 0), APPROVED), "statement"
        pair""", "        pair", _attack("m15_batches")),
    Defence("a publication's statement is the one proposed", _STUDIES,
            """    assert slot == self._slot(extract32(found, 0), APPROVED), "statement"
    verification._check_pairing(
        [extract32(found, 64""",
            """    verification._check_pairing(
        [extract32(found, 64""",
            ("attacks/test_directory_attacks.py", "attacks/test_contract_attacks.py"),
            "terms or table or commitment or relation"),
    Defence("a batch's pairings are joined with a challenge (M15)", _STUDIES,
            "factor: uint256 = convert(weight, uint256) % verification.precompiles.FR",
            "factor: uint256 = convert(weight, uint256) * 0 + 1", _attack("m15_batches"), "cancel"),
    Defence("an approval counts once", _STUDIES, 'assert (head >> (16 + place)) & 1 == 0, "approved before"', "pass",
            _attack("directory_attacks"), "counts_once"),
    Defence("only an approved query is published", _STUDIES, 'assert slot & 255 == APPROVED, "state"', "pass",
            _attack("directory_attacks"), "every_approval or replay"),
    Defence("a commitment is registered once", _REGISTRY,
            'assert self.holders[x] == 0, "commitment registered before"', "pass", _attack("directory_attacks"),
            "registered_twice"),
    Defence("the declared rows are proved", _REGISTRY,
            "assert extract32(found, 128, output_type=uint256) == 1 and extract32(proof, row_at, output_type=uint256) "
            '== rows, "row count"', "pass", _attack("directory_attacks"), "row_counts"),
)

DEFENCES: Final = (*_TRANSCRIPT, *_PROOFS, *_HIDDEN_GUARDS, *_SESSIONS, *_CONTRACTS)
