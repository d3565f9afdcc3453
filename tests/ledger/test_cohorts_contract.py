"""The cohorts contract on a real node: who may do what, in which order, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ledger_scene import LedgerScene
from node_process import NodeProcess
from study_cases import CERTIFICATE_HASH, DID_HASH, table

from ledger.client import LedgerClient
from ledger.cohorts import CohortRecord, Cohorts, CohortState, cohort_id, cohort_label
from ledger.deploy import check_deployment
from ledger.errors import DeploymentInvalidError, RecordInvalidError, TransactionRevertedError
from ledger.registry import Role
from zk.curve import decode_points, multiply_generator
from zk.field import FR
from zk.statement import Point

LOG_ROWS = 3
DIGEST = b"\5" * 32


class Scene(LedgerScene):
    """Two owners with a layout each, an agency, and a third owner who takes no part."""

    def __init__(self, url: str) -> None:
        super().__init__(url, LOG_ROWS, "cohorts")
        from eth_utils import keccak

        self.clients["c"] = LedgerClient(url, keccak(text="cohorts c"))
        self.registry("admin").set_member(self.clients["c"].address, Role.OWNER, CERTIFICATE_HASH, DID_HASH)
        self.layouts = {
            owner: self.register(owner, table(number, 2, LOG_ROWS, number))[0].dataset
            for number, owner in enumerate(("a", "b"), start=1)
        }

    def cohorts(self, name: str) -> Cohorts:
        return Cohorts(self.clients[name], self.deployment.cohorts)

    def addresses(self, *names: str) -> list[str]:
        return [self.clients[name].address for name in names]


@pytest.fixture(scope="module")
def scene(node: NodeProcess) -> Scene:
    return Scene(node.url)


def point() -> Point:
    (found,) = decode_points(multiply_generator(FR.random(1)))
    assert found is not None
    return found


def proposed(scene: Scene, name: str) -> int:
    scene.cohorts("a").propose(name, LOG_ROWS, 0.5, scene.addresses("b", "a"))
    return scene.cohorts("a").latest(name)


def joined(scene: Scene, name: str) -> int:
    version = proposed(scene, name)
    for owner in ("a", "b"):
        scene.cohorts(owner).join(name, version, 4, point())
    return version


def confirmed(scene: Scene, name: str) -> CohortRecord:
    version = joined(scene, name)
    for owner in ("b", "a"):
        scene.cohorts(owner).confirm(name, version, DIGEST, scene.layouts[owner])
    return scene.cohorts("agency").cohort(name, version)


def test_a_cohort_from_proposal_to_active(scene: Scene) -> None:
    cohorts = scene.cohorts("agency")
    assert cohorts.latest("whole") == 0
    record = confirmed(scene, "whole")
    assert (record.state, record.version, record.log_rows, record.epsilon) == (CohortState.ACTIVE, 1, LOG_ROWS, 0.5)
    assert record.digest == DIGEST and record.label == cohort_label("whole", 1) == "whole.1"
    assert record.cohort == cohort_id("whole")
    assert sorted(member.owner for member in record.members) == sorted(scene.addresses("a", "b"))
    mine = record.member(scene.clients["a"].address.lower())
    assert mine is not None and (mine.count, mine.layout) == (4, scene.layouts["a"]) and mine.commitment is not None
    assert record.member(scene.clients["c"].address) is None
    assert proposed(scene, "whole") == 2
    assert cohorts.cohort("whole", 1) == record and cohorts.cohort("whole").state is CohortState.PROPOSED
    assert [found.label for found in cohorts.cohorts() if found.name == "whole"] == ["whole.1", "whole.2"]


def test_what_a_proposal_may_not_be(scene: Scene) -> None:
    both = scene.addresses("a", "b")
    for who, name, log_rows, epsilon, owners in (
        ("c", "bad", 3, 0.5, both),  # not among the owners
        ("agency", "bad", 3, 0.5, [*both, *scene.addresses("agency")]),  # no owner on the ledger
        ("a", "bad", 3, 0.5, scene.addresses("a")),
        ("a", "bad", 3, 0.5, [*both, both[0]]),
        ("a", "bad", 2, 0.5, both),
        ("a", "bad", 25, 0.5, both),
        ("a", "bad", 3, 0.0, both),
        ("a", "bad", 3, 21.0, both),
        ("a", "", 3, 0.5, both),
    ):
        with pytest.raises(TransactionRevertedError):
            scene.cohorts(who).propose(name, log_rows, epsilon, owners)
    assert scene.cohorts("a").latest("bad") == 0
    assert proposed(scene, "good") == 1
    with pytest.raises(TransactionRevertedError, match="under way"):
        proposed(scene, "good")


def test_who_may_join_and_once(scene: Scene) -> None:
    version = proposed(scene, "joining")
    fresh = point()
    for who, count, commitment in (
        ("c", 4, fresh), ("a", 0, fresh), ("a", 9, fresh), ("a", 4, (fresh[0], fresh[1] ^ 1)), ("a", 4, (0, 0)),
    ):
        with pytest.raises(TransactionRevertedError):
            scene.cohorts(who).join("joining", version, count, commitment)
    scene.cohorts("a").join("joining", version, 4, fresh)
    with pytest.raises(TransactionRevertedError, match="joined before"):
        scene.cohorts("a").join("joining", version, 4, point())
    with pytest.raises(TransactionRevertedError, match="commitment used before"):
        scene.cohorts("b").join("joining", version, 4, fresh)
    with pytest.raises(TransactionRevertedError, match="not all have joined"):
        scene.cohorts("a").confirm("joining", version, DIGEST, scene.layouts["a"])
    with pytest.raises(TransactionRevertedError):
        scene.cohorts("a").join("joining", version + 1, 4, point())


def test_all_confirm_the_same_with_layouts_of_their_own(scene: Scene) -> None:
    version = joined(scene, "confirming")
    a, b = scene.cohorts("a"), scene.cohorts("b")
    with pytest.raises(TransactionRevertedError, match="layout"):
        a.confirm("confirming", version, DIGEST, scene.layouts["b"])
    with pytest.raises(TransactionRevertedError, match="layout"):
        a.confirm("confirming", version, DIGEST, 12345)
    with pytest.raises(TransactionRevertedError, match="digest"):
        a.confirm("confirming", version, bytes(32), scene.layouts["a"])
    with pytest.raises(TransactionRevertedError, match="not among"):
        scene.cohorts("c").confirm("confirming", version, DIGEST, scene.layouts["a"])
    a.confirm("confirming", version, DIGEST, scene.layouts["a"])
    with pytest.raises(TransactionRevertedError, match="confirmed before"):
        a.confirm("confirming", version, DIGEST, scene.layouts["a"])
    with pytest.raises(TransactionRevertedError, match="digest"):
        b.confirm("confirming", version, b"\6" * 32, scene.layouts["b"])
    assert b.cohort("confirming").state is CohortState.PROPOSED
    b.confirm("confirming", version, DIGEST, scene.layouts["b"])
    assert b.cohort("confirming").state is CohortState.ACTIVE
    with pytest.raises(TransactionRevertedError, match="under way"):
        a.abandon("confirming", version)


def test_what_is_under_way_can_be_given_up_by_its_owners(scene: Scene) -> None:
    version = proposed(scene, "leaving")
    with pytest.raises(TransactionRevertedError, match="not among"):
        scene.cohorts("c").abandon("leaving", version)
    scene.cohorts("b").abandon("leaving", version)
    assert scene.cohorts("b").cohort("leaving").state is CohortState.ABANDONED
    with pytest.raises(TransactionRevertedError, match="under way"):
        scene.cohorts("a").join("leaving", version, 4, point())
    with pytest.raises(TransactionRevertedError, match="not among"):  # a name stays with those who had it
        scene.cohorts("c").propose("leaving", LOG_ROWS, 0.5, scene.addresses("a", "c"))
    assert proposed(scene, "leaving") == 2
    with pytest.raises(RecordInvalidError):
        scene.cohorts("a").cohort("leaving", 3)


def test_a_deployment_with_another_cohorts_contract_is_refused(scene: Scene) -> None:
    client, deployment = scene.clients["agency"], scene.deployment
    check_deployment(client, deployment, scene.srs)
    with pytest.raises(DeploymentInvalidError, match="Cohorts"):
        check_deployment(client, replace(deployment, cohorts=deployment.registry), scene.srs)
