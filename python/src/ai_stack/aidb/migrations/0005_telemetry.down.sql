DROP TABLE telemetry_events;
