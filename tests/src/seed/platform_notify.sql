-- Templates, notifications and attempts to deliver them.
CREATE TABLE templates (id int PRIMARY KEY, channel text NOT NULL, subject text NOT NULL, body text NOT NULL);
CREATE TABLE notifications (
    id bigserial PRIMARY KEY,
    template_id int NOT NULL REFERENCES templates,
    recipient text NOT NULL,
    variables jsonb NOT NULL,
    queued_at timestamptz NOT NULL,
    read_at timestamptz
);
CREATE TABLE attempts (
    notification_id bigint NOT NULL REFERENCES notifications,
    attempt smallint NOT NULL,
    outcome text NOT NULL,
    cost real NOT NULL,
    latency double precision NOT NULL,
    PRIMARY KEY (notification_id, attempt)
);

INSERT INTO templates SELECT i, pick('channel', i, '{mail,sms,push}'), sentence('subject', i), E'Dear {{name}},\n\n' || sentence('body', i) || E'\n\n\tYours'
FROM generate_series(1, 30) AS i;
INSERT INTO notifications (template_id, recipient, variables, queued_at, read_at)
SELECT 1 + number('template', i, 30), lower(last_name(i)) || '.' || i || '@example.net',
    jsonb_build_object('name', first_name(i) || ' ' || last_name(i), 'company', company(i), 'link', 'https://platform.example.org/n/' || uuid('link', i), 'text', sentence('text', i)),
    moment('queued', i), CASE WHEN i % 3 = 0 THEN moment('queued', i) + interval '1 hour' END
FROM generate_series(1, :rows) AS i;
INSERT INTO attempts SELECT i, 1, pick('outcome', i, '{delivered,delivered,delivered,bounced,deferred}'), number('cost', i, 100) / 1000.0, number('latency', i, 1000000) / 977.0
FROM generate_series(1, :rows) AS i;

CREATE INDEX notifications_unread ON notifications (recipient) WHERE read_at IS NULL;
CREATE VIEW unread AS SELECT recipient, count(*) AS notifications FROM notifications WHERE read_at IS NULL GROUP BY recipient;
CREATE FUNCTION mark_read(bigint) RETURNS void LANGUAGE sql AS 'UPDATE public.notifications SET read_at = now() WHERE id = $1';
