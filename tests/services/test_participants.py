"""Who a study is asked of, found on the ledger; and the files of a deployment with outside owners."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.client import Tallystick
from services.config import AgencyConfig, CoordinatorConfig, PartyConfig, load_config
from services.coordinator.participants import LedgerOwners
from services.deployment import LocalDeployment
from services.deployment_layout import PARTY_NAMES, DeploymentFailedError, DeploymentLayout
from services.errors import StateConflictError

FIVE = (*PARTY_NAMES, "pharmacy", "clinic")


@pytest.mark.parametrize(
    ("tables", "owners"),
    [
        ("hospital h", {"hospital"}),
        ("hospital h JOIN laboratory l ON h.person = l.person", {"hospital", "laboratory"}),
        ("hospital h LEFT JOIN laboratory l ON h.person = l.person", {"hospital"}),  # which only names a table
    ],
)
def test_a_querys_owners_stand_on_the_ledger(
    agency: Tallystick, deployment: LocalDeployment, tables: str, owners: set[str]
) -> None:
    query_id = agency.submit(f"SELECT COUNT(*) AS n FROM {tables}", purpose="whose is it?")
    assert LedgerOwners(deployment.ledger_access(), deployment.names)(query_id) == owners
    list(agency.watch(query_id))


def test_what_was_never_proposed_has_no_owner_and_an_owner_who_is_no_party_is_named(
    agency: Tallystick, deployment: LocalDeployment
) -> None:
    reader = deployment.ledger_access()
    assert LedgerOwners(reader, deployment.names)(bytes(32)) == frozenset()
    query_id = agency.submit("SELECT COUNT(*) AS n FROM laboratory", purpose="whose is it?")
    with pytest.raises(StateConflictError, match="none of the parties"):
        LedgerOwners(reader, ("hospital", "bureau"))(query_id)
    list(agency.watch(query_id))


def test_everybody_of_a_deployment_knows_every_party(tmp_path: Path) -> None:
    layout = DeploymentLayout(tmp_path, FIVE, 1.0)
    layout.write_certificates()
    layout.write_configs()
    assert [endpoint.computes for endpoint in layout.party_endpoints()] == [True, True, True, False, False]
    addresses = {endpoint.address for endpoint in layout.party_endpoints()}
    for number, name in enumerate(FIVE):
        config = load_config(PartyConfig, tmp_path / f"party-{number}.toml")
        assert (config.number, config.name) == (number, name)
        assert [peer.number for peer in config.peers] == [other for other in range(5) if other != number]
        addresses |= {config.listen, config.prover.address}
    assert len(addresses) == 10
    coordinator = load_config(CoordinatorConfig, tmp_path / "coordinator.toml")
    for name in ("agency", "operator"):
        assert load_config(AgencyConfig, tmp_path / f"{name}.toml").parties == coordinator.parties
    assert [endpoint.name for endpoint in coordinator.parties] == list(FIVE)


@pytest.mark.parametrize("names", [PARTY_NAMES[:2], (*PARTY_NAMES, "hospital")])
def test_a_deployment_has_three_parties_or_more_and_each_its_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(DeploymentFailedError, match="3 parties or more"):
        DeploymentLayout(tmp_path, names, 1.0)
