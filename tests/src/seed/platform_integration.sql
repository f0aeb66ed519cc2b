-- Webhooks and their deliveries.
CREATE DOMAIN http_url AS text CHECK (VALUE ~ '^https?://');
CREATE TABLE webhooks (id int PRIMARY KEY, url http_url NOT NULL, secret_hash bytea NOT NULL, events text[] NOT NULL, active boolean NOT NULL);
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    webhook_id int NOT NULL REFERENCES webhooks,
    payload jsonb NOT NULL,
    headers json NOT NULL,
    status smallint,
    took interval NOT NULL,
    sent_at timestamptz NOT NULL
);

INSERT INTO webhooks
SELECT i, 'https://hooks.example.org/' || uuid('hook', i), sha256(convert_to('hook' || i, 'UTF8')), ARRAY['invoice.paid', pick('event', i, '{user.created,file.stored,transfer.booked}')], i % 9 > 0
FROM generate_series(1, 1 + :rows / 100) AS i;
INSERT INTO deliveries
SELECT uuid('delivery', i), 1 + number('hook', i, 1 + :rows / 100),
    jsonb_build_object('event', pick('event', i, '{invoice.paid,user.created,file.stored,transfer.booked}'), 'id', uuid('object', i),
        'data', jsonb_build_object('name', company(i), 'amount', number('amount', i, 1000000) / 100.0, 'note', sentence('note', i), 'iban', iban(i))),
    json_build_object('content-type', 'application/json', 'x-request-id', uuid('rid', i), 'user-agent', 'platform/2.' || number('ua', i, 9)),
    CASE WHEN i % 50 > 0 THEN 200 + number('status', i, 4) END, number('took', i, 30000) * interval '1 millisecond', moment('sent', i)
FROM generate_series(1, :rows) AS i;

CREATE INDEX deliveries_sent ON deliveries USING brin (sent_at);
CREATE INDEX deliveries_failed ON deliveries (webhook_id) WHERE status IS NULL;
CREATE VIEW failed_deliveries AS SELECT d.id, w.url, d.sent_at FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.status IS NULL;
CREATE FUNCTION is_due(uuid) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT status IS NULL FROM public.deliveries WHERE id = $1';
CREATE SEQUENCE delivery_batches;
SELECT setval('delivery_batches', :rows);
