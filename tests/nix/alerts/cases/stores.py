"""Alerts of PostgreSQL, Redis and Qdrant."""

from nix.alerts.cases.case import Case

CASES = (
    Case(
        "PostgresDown",
        at=5,
        fires={'pg_up{instance="p",job="ai-stack-postgres"}': "0x10"},
        silent={'pg_up{instance="p",job="ai-stack-postgres"}': "1x10"},
        labels={"instance": "p", "job": "ai-stack-postgres"},
        summary="PostgreSQL does not answer",
    ),
    Case(
        "PostgresConnectionsHigh",
        at=10,
        fires={
            'pg_stat_database_numbackends{datname="a",instance="p"}': "60x10",
            'pg_stat_database_numbackends{datname="b",instance="p"}': "35x10",
            'pg_settings_max_connections{instance="p",server="s"}': "100x10",
        },
        silent={'pg_stat_database_numbackends{datname="b",instance="p"}': "20x10"},
        labels={"instance": "p"},
        summary="95% of PostgreSQL's connections are taken",
    ),
    Case(
        "DatabaseGrowthHigh",
        at=130,
        fires={'pg_database_size_bytes{datname="ai-stack-aidb",instance="p"}': "0+35791394x140"},
        silent={'pg_database_size_bytes{datname="ai-stack-aidb",instance="p"}': "0+10000000x140"},
        labels={"datname": "ai-stack-aidb"},
        summary="The database ai-stack-aidb grows by 2GiB an hour",
    ),
    Case(
        "RedisDown",
        at=5,
        fires={'redis_up{instance="r",job="ai-stack-redis"}': "0x10"},
        silent={'redis_up{instance="r",job="ai-stack-redis"}': "1x10"},
        labels={"instance": "r", "job": "ai-stack-redis"},
        summary="Redis does not answer",
    ),
    Case(
        "RedisConnectionFailures",
        at=10,
        fires={'redis_rejected_connections_total{instance="r",job="ai-stack-redis"}': "0+2x20"},
        silent={'redis_rejected_connections_total{instance="r",job="ai-stack-redis"}': "7x20"},
        labels={"instance": "r", "job": "ai-stack-redis"},
        summary="Redis has refused 10 connections",
    ),
    Case(
        "QdrantSlowQueries",
        at=15,
        fires={
            f'rest_responses_duration_seconds_bucket{{endpoint="/c/points/query",job="ai-stack-qdrant",le="{le}"}}': v
            for le, v in {"1": "0+10x20", "3": "0+60x20", "+Inf": "0+60x20"}.items()
        },
        silent={
            'rest_responses_duration_seconds_bucket{endpoint="/c/points/query",job="ai-stack-qdrant",le="1"}': "0+59x20"
        },
        labels={"endpoint": "/c/points/query"},
        summary="Qdrant takes 2.88s for /c/points/query",
    ),
    Case(
        "VectorStorageGrowthHigh",
        at=130,
        fires={'collections_vector_total{instance="q",job="ai-stack-qdrant"}': "0+20000x140"},
        silent={'collections_vector_total{instance="q",job="ai-stack-qdrant"}': "0+1000x140"},
        labels={"instance": "q", "job": "ai-stack-qdrant"},
        summary="Qdrant stores 1.2M more vectors an hour",
    ),
)
