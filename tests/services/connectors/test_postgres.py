"""PostgreSQL sources on a real server: exact values, a role that may only read, and OMOP as hospitals have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from patients import PATIENTS, Server

from query.schema import parse_schema
from services.connectors.allowed import AllowedSources
from services.connectors.mapping import parse_mapping
from services.connectors.table import read_source
from services.errors import PeerUnavailableError, SourceInvalidError, SourceRefusedError

EXAMPLES = Path(__file__).parents[3] / "examples" / "mappings"
TABLE = """
CREATE TABLE "Patients of 2026" (id bigint, age int, bmi numeric(8, 2), smoker boolean, sex text, "odd "" name" text);
INSERT INTO "Patients of 2026" VALUES (1, 61, 27.40, true, 'male', 'x'), (2, 44, NULL, NULL, 'female', 'y'),
    (3, 130, 20.00, false, 'male', 'x');
CREATE TABLE other (id int);
CREATE ROLE reader LOGIN PASSWORD 'p'; GRANT SELECT ON "Patients of 2026" TO reader;
CREATE ROLE writer LOGIN; GRANT SELECT, UPDATE ON "Patients of 2026" TO writer;
"""


def mapping(server: Server, extra: str = "", user: str = "reader", table: str = "Patients of 2026") -> bytes:
    return (f'[source]\nkind = "postgres"\nhost = "127.0.0.1"\nport = {server.port}\ndatabase = "postgres"\n'
            f'user = "{user}"\ntls = "disable"\ntable = "{table}"\nkey = "id"\n{extra}').encode()  # fmt: skip


def read(server: Server, data: bytes, schema=PATIENTS):
    allowed = AllowedSources(hosts=(f"127.0.0.1:{server.port}",))
    return read_source(parse_mapping(data, schema), schema, allowed)


@pytest.fixture(scope="module")
def server(postgres: Server) -> Server:
    for statement in filter(str.strip, TABLE.split(";")):
        postgres.run(statement)
    return postgres


def test_values_are_exact_and_faults_reported(server: Server) -> None:
    found = read(server, mapping(server))
    assert found.csv.decode().splitlines() == ["person,age,bmi,smoker,sex", "1,61,27.40,true,male", "2,44,,,female"]
    assert [(f.row, f.column, f.fault) for f in found.report.faults] == [(3, "age", "outside the schema's bounds")]


def test_filters_and_odd_names_are_bound(server: Server) -> None:
    extra = '[where]\n"odd \\" name" = "x"\n'
    assert read(server, mapping(server, extra)).report.rows == 2
    hostile = '[where]\nsex = "x\' OR \'1\'=\'1"\n'
    assert read(server, mapping(server, hostile)).report.rows == 0


def test_a_role_that_may_write_is_refused(server: Server) -> None:
    for user in ("writer", "postgres"):
        with pytest.raises(SourceRefusedError, match="may only read"):
            read(server, mapping(server, user=user))


@pytest.mark.parametrize("table", ["nothing", "pg_authid", "other", 'Patients"; DROP TABLE other; --'])
def test_tables_that_are_not_there_or_not_readable(server: Server, table: str) -> None:
    with pytest.raises((SourceInvalidError, SourceRefusedError)):
        read(server, mapping(server, table=table.replace('"', '\\"')))
    server.run("SELECT 1 FROM other")


def test_missing_columns_and_wrong_passwords(server: Server) -> None:
    with pytest.raises(SourceInvalidError, match="lacks a column"):
        read(server, mapping(server, '[columns.age]\nfrom = "years"\n'))
    with pytest.raises(PeerUnavailableError) as refusal:
        read(server, mapping(server, user="nobody"))
    assert "nobody" not in str(refusal.value)


def test_hosts_that_are_not_listed_are_not_connected_to(server: Server) -> None:
    with pytest.raises(SourceRefusedError):
        read_source(parse_mapping(mapping(server), PATIENTS), PATIENTS, AllowedSources(hosts=("127.0.0.1:1",)))


OMOP = """
CREATE TABLE person (person_id bigint PRIMARY KEY, gender_concept_id int NOT NULL, year_of_birth int NOT NULL);
CREATE TABLE condition_occurrence (condition_occurrence_id bigint, person_id bigint, condition_concept_id int);
CREATE TABLE measurement (measurement_id bigint, person_id bigint, measurement_concept_id int, measurement_date date,
    value_as_number numeric);
CREATE TABLE drug_exposure (drug_exposure_id bigint, person_id bigint, drug_concept_id int);
CREATE TABLE visit_occurrence (visit_occurrence_id bigint, person_id bigint);
INSERT INTO person SELECT n, CASE WHEN n % 2 = 0 THEN 8507 ELSE 8532 END, 1940 + n FROM generate_series(1, 60) n;
INSERT INTO condition_occurrence SELECT n, n, 201826 FROM generate_series(1, 20) n;
INSERT INTO measurement SELECT n, n, 3004410, DATE '2025-01-01' + (n % 30), 5 + n % 5 FROM generate_series(1, 40) n;
INSERT INTO measurement VALUES (99, 7, 3004410, DATE '2025-12-01', 9.5), (100, 8, 1, DATE '2026-01-01', 1);
INSERT INTO drug_exposure SELECT n, n * 2, 1503297 FROM generate_series(1, 10) n;
INSERT INTO visit_occurrence SELECT n, 1 + n % 10 FROM generate_series(1, 100) n
"""


def test_omop_becomes_a_table_of_persons(server: Server) -> None:
    for statement in OMOP.split(";"):
        server.run(statement)
    server.run((EXAMPLES / "omop_person.sql").read_text())
    server.run("CREATE ROLE tallystick_reader LOGIN")
    server.run("GRANT SELECT ON tallystick_person TO tallystick_reader")
    schema = parse_schema((EXAMPLES / "omop_person.json").read_bytes())
    data = (EXAMPLES / "omop_person.toml").read_text().replace("port = 5432", f"port = {server.port}")
    data = data.replace('database = "omop"', 'database = "postgres"')
    found = read(server, data.encode(), schema)
    server.run("DROP OWNED BY tallystick_reader")
    server.run("DROP ROLE tallystick_reader")
    lines = found.csv.decode().splitlines()
    assert found.report.clean
    assert len(lines) == 61
    by_person = {line.split(",")[0]: line.split(",")[1:] for line in lines[1:]}
    assert by_person["7"] == ["79", "female", "true", "9.5", "false", "10"]
    assert by_person["8"] == ["78", "male", "true", "8", "true", "10"]
    assert by_person["60"] == ["26", "male", "false", "", "false", "0"]


def test_the_credit_mapping_reads_an_export(folder: Path, allowed: AllowedSources) -> None:
    (folder / "accounts.csv").write_text(
        "national_id,segment,open_accounts,arrears_eur,score_points,status\n"
        "A1,private,3,120.50,640,OK\nA2,business,1,0,700,OK\nA3,private,2,n/a,unscored,DEFAULT\n"
    )
    schema = parse_schema((EXAMPLES / "credit.json").read_bytes())
    parsed = parse_mapping((EXAMPLES / "credit.toml").read_bytes(), schema)
    found = read_source(parsed, schema, allowed)
    assert found.csv.decode().splitlines()[1:] == ["A1,3,120.50,640,false", "A3,2,,,true"]
    assert found.report.clean
