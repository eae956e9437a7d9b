-- What the service did, for the summary: no texts, no names. Bounded in number and age by whoever writes.
CREATE TABLE telemetry_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL,
    event_type text NOT NULL,
    latency_ms real,
    rag_hits integer,
    -- Null where no cache was asked.
    cache_hit boolean,
    metadata jsonb NOT NULL
);
CREATE INDEX telemetry_events_created_at ON telemetry_events (created_at);
