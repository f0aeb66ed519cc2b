-- One wide table as a busy platform has it, for benchmarks.
CREATE TABLE events (
    id bigint PRIMARY KEY,
    public_id uuid NOT NULL,
    customer text NOT NULL,
    iban text NOT NULL,
    amount numeric(14, 2) NOT NULL,
    at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    comment text NOT NULL
);
INSERT INTO events
SELECT i, uuid('event', i), first_name(i) || ' ' || last_name(i), 'DE' || lpad(number('iban', i, 100000000000000)::text, 20, '0'), number('amount', i, 10000000) / 100.0, moment('event', i),
    jsonb_build_object('request', uuid('request', i), 'company', company(i), 'ms', number('ms', i, 5000), 'status', pick('status', i, '{ok,ok,ok,retried,failed}')),
    sentence('comment', i)
FROM generate_series(1, :rows) AS i;
CREATE INDEX events_at ON events (at);
