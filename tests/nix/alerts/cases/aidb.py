"""Alerts of aidb."""

from nix.alerts.cases.case import Case

AIDB = {"component": "aidb"}

CASES = (
    Case(
        "DatabasePoolExhausted",
        at=5,
        fires={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "19x10",
            'aidb_db_pool_overflow{component="aidb",instance="a"}': "3x10",
            'aidb_db_pool_size{component="aidb",instance="a"}': "20x10",
        },
        silent={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "15x10",
            'aidb_db_pool_overflow{component="aidb",instance="a"}': "0x10",
        },
        labels={**AIDB, "instance": "a"},
        summary="110% of the connections to PostgreSQL are taken or waited for",
    ),
    Case(
        "DatabasePoolLeaking",
        at=20,
        fires={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "16x30",
            'aidb_db_pool_size{component="aidb",instance="a"}': "20x30",
        },
        # a busy pool goes up and down
        silent={
            'aidb_db_pool_checked_out{component="aidb",instance="a"}': "16 2 16 16 16 2 16 16 16 2 16 16 16 2 16x12"
        },
        labels={**AIDB, "instance": "a"},
        summary="16 connections to PostgreSQL have not been given back for minutes",
    ),
    Case(
        "EmbeddingBacklog",
        at=30,
        fires={
            'aidb_embedding_backlog_chunks{component="aidb",instance="a"}': "40x40",
            'aidb_chunks_embedded_total{component="aidb",instance="a"}': "1000x40",
        },
        silent={'aidb_chunks_embedded_total{component="aidb",instance="a"}': "1000+10x40"},
        labels={**AIDB, "instance": "a"},
        summary="40 chunks wait for their vector and none gets one",
    ),
    Case(
        "ImportStalled",
        at=30,
        fires={
            'aidb_import_lines_waiting{component="aidb",instance="a"}': "7x40",
            'aidb_import_lines_total{component="aidb",instance="a",outcome="created"}': "1000x40",
        },
        silent={'aidb_import_lines_total{component="aidb",instance="a",outcome="updated"}': "1000+10x40"},
        labels={**AIDB, "instance": "a"},
        summary="7 lines of imports wait and none is stored",
    ),
    Case(
        "ModelChangeStalled",
        at=20,
        fires={'aidb_model_change_idle_seconds{component="aidb",instance="a"}': "900x40"},
        silent={'aidb_model_change_idle_seconds{component="aidb",instance="a"}': "0 60 120 0x40"},
        labels={**AIDB, "instance": "a"},
        summary="A change of the model has not come further for 15m 0s",
    ),
    Case(
        "RedisPoolExhausted",
        at=20,
        fires={'aidb_redis_pool_waiting{component="aidb",instance="a"}': "3x40"},
        silent={
            'aidb_redis_pool_waiting{component="aidb",instance="a"}': "0 3 0 3 0 3 0 3 0 3 0 3 0 3 0 3 0 3 0 3 0 3"
        },
        labels={**AIDB, "instance": "a"},
        summary="3 calls wait for a connection to Redis all the time",
    ),
    Case(
        "SearchesDegraded",
        at=20,
        fires={'aidb_searches_degraded_total{component="aidb",instance="a"}': "0+1x60"},
        silent={'aidb_searches_degraded_total{component="aidb",instance="a"}': "0x10 1x50"},
        labels={**AIDB, "instance": "a"},
        summary="10 searches in ten minutes had to do without the meaning of their query",
    ),
)
