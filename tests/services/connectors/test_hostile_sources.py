# ruff: noqa: E501 - lists of attacks
"""More than 200 hostile mappings, paths and hosts: none passes, each is one typed error within a second."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest
from patients import PATIENTS, Server

from services.connectors.allowed import AllowedSources
from services.connectors.mapping import parse_mapping
from services.connectors.table import read_source
from services.errors import SourceInvalidError

PATHS = [
    "../secret.csv", "..", ".", "/", "/etc/passwd", "/etc/shadow", "/proc/self/environ", "/dev/zero", "/dev/stdin",
    "/dev/tcp/127.0.0.1/22", "inner/../../secret.csv", "./../secret.csv", "....//secret.csv", "..\\secret.csv",
    "link.csv", "loop", "folder", "pipe", "*.csv", "**/*.csv", "p?tients.csv", "[p]atients.csv", "{a,b}.csv",
    "http://169.254.169.254/latest/meta-data", "https://example.org/x.csv", "s3://bucket/x.csv", "file:///etc/passwd",
    "hf://datasets/x", "gcs://x", "azure://x", "ftp://x", "data:text/csv,a", "patients.csv\x00.txt", "\x00", "",
    "patients.csv' OR 1=1 --", "patients.csv'); COPY (SELECT 1) TO 'x", "a" * 5000, "a/" * 2000, "~/secret.csv", "$HOME/x",
    "%2e%2e/secret.csv", "\u2025/secret.csv", "nul", "CON", "patients.csv/", "patients.csv/.", "missing.csv",
    "sub/missing.csv", "//host/share/x.csv", "\\\\host\\share", "patients.csv::$DATA", "-", "--help", "| cat /etc/passwd",
    "`id`", "$(id)", "\n", "\r\n/etc/passwd", "secret.csv",
]  # fmt: skip
HOSTS = [
    "169.254.169.254", "localhost", "127.0.0.2", "127.1", "0.0.0.0", "0", "2130706433", "0x7f000001", "017700000001",
    "[::1]", "::1", "[::ffff:127.0.0.1]", "user@db.example", "db.example/path", "db.example:5432", "db.example#x",
    "db.example?x=1", "http://db.example", "/var/run/postgresql", "@abstract", "db example", "db.example\n",
    "db.example,other.example", "db.example\x00", "", ".", "-db", "db-", "a" * 300, "db_example", "dß.example",
    "10.0.0.1", "192.168.0.1", "metadata.google.internal", "db.example.", "host=evil", "'; DROP TABLE x; --", "%00", "*",
    "db.allowed",
]  # fmt: skip
NAMES = [
    'x"; DROP TABLE other; --', "x' OR '1'='1", "x; SELECT pg_sleep(10)", "(SELECT passwd FROM pg_shadow)", "pg_read_file('x')",
    "*", "id, (SELECT 1)", "id::text", "id --", "id /*", "\x00", "", "a" * 64, "\n", "\t", "\x7f", "id\x00", "\\", '"', '""',
    "x\u0000y", "public.other", "other; COPY other TO PROGRAM 'id'", "lo_import('/etc/passwd')", "1", "NULL", "current_user",
    "$1", "%s", "%(x)s", "{}", "{0}", "id\r", "\x1b[31m",
]  # fmt: skip
TOMLS = [
    b"", b"source", b"[source]", b"[[source]]", b"source = 1", b"\xff\xfe", b"\x00" * 100, b"[source]\nkind = 'odbc'",
    b"[source]\nkind = 1\nfile = 'a'\nkey = 'b'", b"[source]\nkind = 'csv'\nkey = 'id'", b"[source]\nkind = 'csv'\nfile = 'a'",
    b"[source]\nkind = 'csv'\nfile = ['a']\nkey = 'id'", b"a = " + b"[" * 50_000, b"a = " + b"{a = " * 20_000,
    b"[source]\nkind = 'csv'\nfile = 'a'\nkey = 'id'\nsurprise = 1", b"x = 1" * 100_000, b"[" + b"a." * 30_000 + b"b]",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.nothing]\nfrom='x'",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.age]\nfrom=1",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.age]\nnulls='x'",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.age]\nnulls=[1]",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.age]\nvalues=[1]",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.age]\nvalues={a=1}",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.age]\nexpression='1+1'",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[where]\nx=1", b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[where]\nx=['a']",
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[where]\n" + b"\n".join(b"c%d='x'" % n for n in range(17)),
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\nhost='x'", b"[other]\nx=1", b"[source]\nkind='csv'\nfile='''" + b"a" * 300_000,
    b"[source]\nkind='csv'\nfile='a'\nkey='id'\n[columns.age]\nvalues={" + b",".join(b"a%d='x'" % n for n in range(5000)) + b"}",
    b"x = 1979-05-27", b"x = inf", b"x = 9" + b"9" * 10_000,
]  # fmt: skip
DATABASE = {"host": '"127.0.0.1"', "port": "5432", "database": '"postgres"', "user": '"reader"', "tls": '"disable"',
            "table": '"t"', "key": '"id"'}  # fmt: skip
FIELDS = [
    ("port", "0"), ("port", "65536"), ("port", "-1"), ("port", '"5432"'), ("port", "5432.0"), ("port", "true"),
    ("database", '"postgres host=evil"'), ("database", '"a=b"'), ("database", '"x\'y"'), ("database", '""'),
    ("database", '"postgres?sslmode=disable"'), ("database", '"postgresql://evil/x"'), ("user", '"reader password=x"'),
    ("user", '"a b"'), ("user", '"-c x"'), ("user", '""'), ("tls", '"prefer"'), ("tls", '"allow"'), ("tls", '""'),
    ("tls", "true"), ("password_variable", '"PATH; id"'), ("password_variable", '"lower"'), ("password", '"secret"'),
    ("options", '"-c log_statement=all"'), ("service", '"x"'), ("hostaddr", '"127.0.0.1"'), ("sslcert", '"/etc/x"'),
    ("passfile", '"/etc/passwd"'), ("query", '"SELECT 1"'), ("file", '"x.csv"'),
]  # fmt: skip


def database_mapping(**changes: str) -> bytes:
    fields = DATABASE | changes
    return ('[source]\nkind = "postgres"\n' + "\n".join(f"{name} = {value}" for name, value in fields.items())).encode()


def toml_text(text: str) -> str:
    """A TOML string that says exactly this."""
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0xFFFF and not c.isalnum() else c for c in text)
    return f'"{escaped}"'


def refused(action) -> None:
    gc.disable()  # a collection of all that the tests before left takes a second by itself
    try:
        began = time.thread_time()
        with pytest.raises(SourceInvalidError) as refusal:
            action()
        assert time.thread_time() - began < 1.0
    finally:
        gc.enable()
    assert len(str(refusal.value)) < 400


def test_there_are_more_than_two_hundred() -> None:
    assert len(PATHS) + len(HOSTS) + 2 * len(NAMES) + len(TOMLS) + len(FIELDS) > 200


@pytest.fixture
def trap(tmp_path: Path) -> AllowedSources:
    import os

    folder = tmp_path / "sources"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("id,age\n1,2\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "patients.csv").write_text("id,age\n1,2\n")
    return AllowedSources((folder,))


@pytest.mark.parametrize("path", PATHS)
def test_paths(trap: AllowedSources, path: str) -> None:
    data = f'[source]\nkind = "csv"\nfile = {toml_text(path)}\nkey = "id"\n'.encode()
    refused(lambda: read_source(parse_mapping(data, PATIENTS), PATIENTS, trap))


@pytest.mark.parametrize("host", HOSTS)
def test_hosts(host: str) -> None:
    allowed = AllowedSources(hosts=("127.0.0.1:1", "db.allowed:5433"))
    data = database_mapping(host=toml_text(host))
    refused(lambda: read_source(parse_mapping(data, PATIENTS), PATIENTS, allowed))


@pytest.mark.parametrize("name", NAMES)
def test_names_of_columns_and_tables(postgres: Server, name: str) -> None:
    allowed = AllowedSources(hosts=(f"127.0.0.1:{postgres.port}",))
    for changes in ({"table": toml_text(name)}, {"key": toml_text(name)}):
        fields = {"port": str(postgres.port), "user": '"postgres"', "table": '"pg_class"'} | changes
        data = database_mapping(**fields)
        refused(lambda data=data: read_source(parse_mapping(data, PATIENTS), PATIENTS, allowed))


@pytest.mark.parametrize("data", TOMLS, ids=range(len(TOMLS)))
def test_mappings(data: bytes) -> None:
    refused(lambda: parse_mapping(data, PATIENTS))


@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_fields_of_a_database(field: str, value: str) -> None:
    refused(lambda: parse_mapping(database_mapping(**{field: value}), PATIENTS))
