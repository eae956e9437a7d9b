"""What was backed up comes back: the programs of modules/backup.nix on a real PostgreSQL."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from nix.evaluate import require
from nix.scripts import fake_program, run
from support.qdrant_snapshots import QdrantSnapshots, qdrant_snapshots
from support.stores import PostgresFixture

KEY = "marker-of-the-key-of-qdrant"
#: The statements of the unit that gives the nightly run its rights; see test_backup.py.
ROLE = "ai-stack-backup"
GRANTS = (f'GRANT pg_read_all_data TO "{ROLE}"', f'GRANT CONNECT ON DATABASE "{{}}" TO "{ROLE}"')


class Site:
    """A machine of the test: a database, a collection, files, and the configuration of the programs."""

    def __init__(self, directory: Path, postgres: PostgresFixture, qdrant: QdrantSnapshots) -> None:
        for program in ("jq", "curl", "tar", "gzip", "flock", "sha256sum"):
            require(program, program)
        self.directory = directory
        self.postgres = postgres
        self.qdrant = qdrant
        self.backups = directory / "backups"
        self.state = directory / "state" / "translator"
        self.metrics = directory / "metrics" / "backup.prom"
        self.programs = directory / "programs"
        self.calls = directory / "calls"
        for folder in (self.backups, self.state, self.metrics.parent, self.programs):
            folder.mkdir(parents=True)
        self.database = postgres.new_database()
        self.superuser = postgres.cluster.superuser(self.database.database)
        self._prepare_role()
        self._prepare_programs()
        (directory / "key").write_text(KEY + "\n")
        self.configuration: dict[str, Any] = {
            "directory": str(self.backups),
            "metrics": str(self.metrics),
            "keep": {"count": 7, "days": None},
            "stateVersion": "0.2",
            "postgresql": {
                "socket": self.database.host,
                "port": self.database.port,
                "superuser": "postgres",
                "databases": [{"name": self.database.database, "owner": self.database.user}],
            },
            "qdrant": {"url": qdrant.url, "keyFile": str(directory / "key")},
            "files": [{"name": "service-translator", "paths": [str(self.state)]}],
            "units": {
                "services": ["translator.service"],
                "setup": ["secrets.service"],
                "stores": ["redis.service"],
            },
        }

    def _prepare_role(self) -> None:
        with contextlib.closing(self.superuser.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,))
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE ROLE "{ROLE}" LOGIN BYPASSRLS')
            cursor.execute(f'ALTER ROLE "{ROLE}" PASSWORD %s', (self.superuser.password,))
            cursor.execute(f'REVOKE ALL ON DATABASE "{self.database.database}" FROM PUBLIC')
            for statement in GRANTS:
                cursor.execute(statement.format(self.database.database))
        self.pgpass = self.directory / "pgpass"
        self.pgpass.write_text(f"*:*:*:*:{self.superuser.password}\n")
        self.pgpass.chmod(0o600)

    def _prepare_programs(self) -> None:
        for name in ("pg_dump", "pg_restore", "psql"):
            fake_program(self.programs, name, f'exec {self.postgres.cluster.binaries.path(name)} "$@"')
        # as whom, and then what
        fake_program(self.programs, "runuser", 'PGUSER=$2; export PGUSER; shift 3; exec "$@"')
        fake_program(
            self.programs,
            "systemctl",
            f'echo "systemctl $*" >>{self.calls}; [ "$1" != is-active ] || [ -e {self.directory}/running ]',
        )
        fake_program(self.programs, "curl", f'echo "curl $*" >>{self.calls}; exec {shutil.which("curl")} "$@"')

    def attempt(self, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a program on the configuration as it is now."""
        path = self.directory / "configuration.json"
        path.write_text(json.dumps(self.configuration))
        environment = {"PGPASSFILE": str(self.pgpass), "PGUSER": ROLE}
        return run(script, path, *arguments, path=self.programs, env=environment)

    def back_up(self) -> Path:
        """Write a backup that must succeed."""
        result = self.attempt("backup.sh")
        assert result.returncode == 0, result.stderr
        return Path(result.stdout.splitlines()[-1])

    def restore(self, *arguments: object) -> str:
        """Restore what must succeed; what was printed."""
        result = self.attempt("restore.sh", "restore", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stderr

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, as the service."""
        with contextlib.closing(self.database.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def fill(self) -> None:
        """Rows with vectors, collections with an alias, a file."""
        self.query("CREATE TABLE word (id int PRIMARY KEY, text text, meaning vector(3))")
        self.query("INSERT INTO word VALUES (1, 'Speicher', '[1,2,3]'), (2, 'naïve', '[0,0,1]')")
        self.query("CREATE INDEX ON word USING hnsw (meaning vector_cosine_ops)")
        self.qdrant.collections = {"best practices@v1": [{"id": 1, "vector": [0.5]}], "empty": []}
        self.qdrant.aliases = {"best-practices": "best practices@v1"}
        (self.state / "words.sqlite").write_text("words")

    def values(self) -> dict[str, float]:
        """The metrics that were written."""
        lines = self.metrics.read_text().splitlines()
        return {name: float(value) for name, value in (line.split() for line in lines if not line.startswith("#"))}

    def names(self) -> list[str]:
        """What is in the directory of the backups, hidden things too."""
        return sorted(path.name for path in self.backups.iterdir())


@pytest.fixture
def site(tmp_path: Path, postgres: PostgresFixture) -> Iterator[Site]:
    with qdrant_snapshots(KEY) as qdrant:
        yield Site(tmp_path, postgres, qdrant)


def test_what_was_backed_up_comes_back(site: Site) -> None:
    site.fill()
    site.back_up()
    rows = site.query("SELECT id, text, meaning::text FROM word ORDER BY id")
    collections, aliases = dict(site.qdrant.collections), dict(site.qdrant.aliases)

    site.query("DROP TABLE word")
    site.query("CREATE TABLE newer (id int)")
    site.qdrant.collections.clear()
    site.qdrant.aliases.clear()
    (site.state / "words.sqlite").write_text("other words")
    (site.state / "words.sqlite-wal").write_text("belongs to the other words")

    site.restore("latest")
    assert site.query("SELECT id, text, meaning::text FROM word ORDER BY id") == rows
    assert site.query("SELECT text FROM word ORDER BY meaning <=> '[0,0,1]' LIMIT 1") == [("naïve",)]
    with pytest.raises(psycopg2.errors.UndefinedTable):
        site.query("SELECT * FROM newer")
    assert (site.qdrant.collections, site.qdrant.aliases) == (collections, aliases)
    assert [path.name for path in site.state.iterdir()] == ["words.sqlite"]
    assert (site.state / "words.sqlite").read_text() == "words"


def test_the_service_owns_what_was_restored(site: Site) -> None:
    site.fill()
    site.back_up()
    site.restore("latest")
    site.query("INSERT INTO word VALUES (3, 'neu', '[1,0,0]')")
    site.query("ALTER TABLE word ADD COLUMN note text")
    site.query("CREATE SCHEMA more")


def test_the_services_are_stopped_only_for_the_exchange(site: Site) -> None:
    site.fill()
    site.back_up()
    (site.directory / "running").touch()
    site.calls.unlink()
    site.restore("--force", "latest")
    calls = [line for line in site.calls.read_text().splitlines() if line.startswith("systemctl")]
    assert calls == [
        "systemctl is-active --quiet translator.service",
        "systemctl stop translator.service",
        "systemctl restart secrets.service",
        "systemctl try-restart redis.service",
        "systemctl start translator.service",
    ]


def test_a_live_stack_is_not_overwritten_unless_forced(site: Site) -> None:
    site.fill()
    site.back_up()
    (site.directory / "running").touch()
    site.query("INSERT INTO word VALUES (3, 'neu', '[1,0,0]')")
    result = site.attempt("restore.sh", "restore", "latest")
    assert result.returncode == 1
    assert "the stack runs (translator.service)" in result.stderr
    assert "--force" in result.stderr
    assert site.query("SELECT count(*) FROM word") == [(3,)]


def test_a_dump_that_cannot_be_loaded_leaves_everything_as_it_was(site: Site) -> None:
    site.fill()
    backup = site.back_up()
    dump = backup / "postgresql" / f"{site.database.database}.dump"
    dump.write_bytes(dump.read_bytes()[:-200])
    sums = backup / "SHA256SUMS"
    lines = [line for line in sums.read_text().splitlines() if not line.endswith(".dump")]
    lines.append(f"{hashlib.sha256(dump.read_bytes()).hexdigest()}  ./{dump.relative_to(backup)}")
    sums.write_text("\n".join(lines) + "\n")
    site.query("INSERT INTO word VALUES (3, 'neu', '[1,0,0]')")
    site.calls.unlink()
    assert site.attempt("restore.sh", "restore", "latest").returncode != 0
    assert site.query("SELECT count(*) FROM word") == [(3,)]
    assert "systemctl stop" not in site.calls.read_text()
    # and the next one that is whole goes through
    shutil.rmtree(backup)
    site.back_up()
    site.restore("latest")
    assert site.query("SELECT count(*) FROM word") == [(3,)]


def test_the_nightly_run_reads_every_table_and_may_change_none(site: Site) -> None:
    site.fill()
    role = site.postgres.cluster.address(site.database.database, ROLE, site.superuser.password)
    with contextlib.closing(role.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM word")
        assert cursor.fetchone() == (2,)
        for statement in ("DELETE FROM word", "CREATE TABLE public.mine (id int)"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)


def test_the_key_is_no_argument_of_any_program(site: Site) -> None:
    site.fill()
    site.back_up()
    site.restore("latest")
    calls = site.calls.read_text()
    assert "curl" in calls
    assert KEY not in calls


def test_a_backup_is_readable_by_its_owner_alone(site: Site) -> None:
    site.fill()
    backup = site.back_up()
    assert [path for path in (backup, *backup.rglob("*")) if path.stat().st_mode & 0o077] == []


def test_no_snapshot_stays_on_the_server(site: Site) -> None:
    site.fill()
    site.back_up()
    assert site.qdrant.snapshots == {}


@pytest.mark.parametrize("request_", ["GET /aliases", "POST .*/snapshots", "GET .*/snapshots/"])
def test_a_backup_is_whole_or_not_there(site: Site, request_: str) -> None:
    site.fill()
    site.qdrant.fails = request_
    result = site.attempt("backup.sh")
    assert result.returncode != 0
    assert "no backup was written: qdrant failed" in result.stderr
    assert site.names() == []
    assert site.qdrant.snapshots == {}


def test_a_path_that_is_missing_fails_the_backup(site: Site) -> None:
    site.fill()
    site.configuration["files"][0]["paths"].append(str(site.directory / "nowhere"))
    result = site.attempt("backup.sh")
    assert result.returncode != 0
    assert "nowhere" in result.stderr
    assert site.names() == []


def test_the_metrics_tell_success_size_and_age(site: Site) -> None:
    site.fill()
    backup = site.back_up()
    values = site.values()
    for kind in ("ai_stack", "postgres", "qdrant"):
        assert values[f"{kind}_backup_status"] == 1
        assert values[f"{kind}_backup_duration_seconds"] >= 0
        assert abs(values[f"{kind}_backup_last_success_timestamp"] - backup.stat().st_mtime) < 60
    dump = backup / "postgresql" / f"{site.database.database}.dump"
    assert values["postgres_backup_size_bytes"] >= dump.stat().st_size
    assert site.metrics.stat().st_mode & 0o777 == 0o644


def test_a_failure_is_shown_where_it_was_and_the_last_success_stays(site: Site) -> None:
    site.fill()
    shutil.rmtree(site.back_up())
    before = site.values()
    site.qdrant.fails = "GET /collections"
    site.attempt("backup.sh")
    after = site.values()
    assert after["ai_stack_backup_last_success_timestamp"] == before["ai_stack_backup_last_success_timestamp"]
    assert (after["ai_stack_backup_status"], after["qdrant_backup_status"], after["postgres_backup_status"]) == (
        0,
        0,
        1,
    )


def past(site: Site, *names: str) -> None:
    for name in names:
        (site.backups / name).mkdir()


def test_the_newest_are_kept_and_others_go(site: Site) -> None:
    past(site, "2020-01-01T00-00-00Z", "2020-01-02T00-00-00Z", "2020-01-03T00-00-00Z")
    site.configuration["keep"] = {"count": 2, "days": None}
    newest = site.back_up()
    assert site.names() == ["2020-01-03T00-00-00Z", newest.name]


def test_others_are_kept_for_some_days(site: Site) -> None:
    past(site, "2020-01-01T00-00-00Z", "2020-01-02T00-00-00Z")
    yesterday = subprocess.run(
        ["date", "--utc", "--date", "1 day ago", "+%Y-%m-%dT%H-%M-%SZ"], capture_output=True, text=True, check=True
    ).stdout.strip()
    past(site, yesterday)
    site.configuration["keep"] = {"count": 1, "days": 3}
    newest = site.back_up()
    assert site.names() == [yesterday, newest.name]


def test_what_an_interrupted_run_left_is_removed_and_is_no_backup(site: Site) -> None:
    past(site, ".new-2020-01-01T00-00-00Z", ".old-2020-01-01T00-00-00Z")
    assert site.attempt("restore.sh", "list").stdout == ""
    newest = site.back_up()
    assert site.names() == [newest.name]


def test_two_runs_at_a_time_are_refused(site: Site) -> None:
    handle = os.open(site.backups, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        result = site.attempt("backup.sh")
    finally:
        os.close(handle)
    assert result.returncode == 75
    assert "under way" in result.stderr
    assert site.names() == []


def test_the_list_names_what_there_is(site: Site) -> None:
    site.fill()
    backup = site.back_up()
    line = site.attempt("restore.sh", "list").stdout
    assert line.startswith(f"{backup.name}\t")
    assert "state version 0.2" in line
    assert site.attempt("restore.sh", "verify", backup.name).stdout.strip() == f"{backup} is whole"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("printf x >>manifest.json", "is damaged"),
        ("rm qdrant/aliases.json", "is damaged"),
        ("touch files/more.tar.gz", "holds files that its SHA256SUMS does not name"),
        ("rm SHA256SUMS", "is no whole backup"),
    ],
)
def test_damage_is_found_and_nothing_is_restored(site: Site, damage: str, message: str) -> None:
    site.fill()
    backup = site.back_up()
    subprocess.run(["sh", "-c", damage], cwd=backup, check=True)
    site.query("INSERT INTO word VALUES (3, 'neu', '[1,0,0]')")
    for command in ("verify", "restore"):
        result = site.attempt("restore.sh", command, "latest")
        assert result.returncode == 1
        assert message in result.stderr
    assert site.query("SELECT count(*) FROM word") == [(3,)]


def test_a_backup_of_a_newer_state_is_refused(site: Site) -> None:
    site.fill()
    site.back_up()
    site.configuration["stateVersion"] = "0.1"
    result = site.attempt("restore.sh", "restore", "latest")
    assert result.returncode == 1
    assert "the backup is of state version 0.2" in result.stderr


def test_what_no_service_asks_for_stays_out_and_is_named(site: Site) -> None:
    site.fill()
    site.back_up()
    database = site.database.database
    site.configuration["postgresql"]["databases"] = []
    site.configuration["files"] = []
    site.query("INSERT INTO word VALUES (3, 'neu', '[1,0,0]')")
    said = site.restore("latest")
    assert f"not restored, since no service here has it: database {database}" in said
    assert f"not restored, since no service here has it: {site.state}" in said
    assert site.query("SELECT count(*) FROM word") == [(3,)]


def test_a_backup_that_was_fetched_elsewhere_is_restored_by_its_path(site: Site) -> None:
    site.fill()
    fetched = site.directory / "fetched"
    site.back_up().rename(fetched)
    site.query("DELETE FROM word")
    site.restore(fetched)
    assert site.query("SELECT count(*) FROM word") == [(2,)]


def test_a_machine_without_stores_backs_up_its_files(site: Site) -> None:
    (site.state / "words.sqlite").write_text("words")
    site.configuration |= {"postgresql": None, "qdrant": None}
    backup = site.back_up()
    assert sorted(path.name for path in backup.iterdir()) == ["SHA256SUMS", "files", "manifest.json"]
    assert "postgres_backup_status" not in site.values()
    (site.state / "words.sqlite").unlink()
    site.restore("latest")
    assert (site.state / "words.sqlite").read_text() == "words"


@pytest.mark.parametrize("arguments", [[], ["verify"], ["restore"], ["restore", "--force"], ["undo", "latest"]])
def test_a_wrong_call_is_answered_with_the_usage(site: Site, arguments: list[str]) -> None:
    result = site.attempt("restore.sh", *arguments)
    assert result.returncode == 2
    assert "usage: ai-stack-restore" in result.stderr


@pytest.mark.parametrize("name", ["latest", "2020-01-01T00-00-00Z", "./nowhere"])
def test_a_backup_that_is_not_there_is_said_so(site: Site, name: str) -> None:
    result = site.attempt("restore.sh", "verify", name)
    assert result.returncode == 1
    assert "there is no" in result.stderr
