-- Installed modules, their settings and events; a schema of its own.
CREATE SCHEMA registry;
CREATE TABLE registry.modules (name text PRIMARY KEY, version int[] NOT NULL, manifest xml, installed_at timestamptz NOT NULL);
CREATE TABLE settings (
    module text NOT NULL REFERENCES registry.modules,
    key text NOT NULL,
    value jsonb NOT NULL,
    valid tstzrange NOT NULL,
    PRIMARY KEY (module, key)
);
CREATE TABLE module_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    module text NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    at timestamptz NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE module_events_2025 PARTITION OF module_events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE module_events_2026 PARTITION OF module_events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

INSERT INTO registry.modules
SELECT 'module-' || i, ARRAY[1, i, number('patch', i, 30)::int], xmlelement(name module, xmlattributes(i AS id), sentence('module', i)), moment('installed', i)
FROM generate_series(1, 40) AS i;
INSERT INTO settings
SELECT 'module-' || 1 + i % 40, 'setting.' || i, jsonb_build_object('value', sentence('setting', i), 'by', last_name(i)), tstzrange(moment('valid', i), NULL)
FROM generate_series(1, 1 + :rows / 10) AS i;
INSERT INTO module_events (module, level, message, at)
SELECT 'module-' || 1 + number('module', i, 40), pick('level', i, '{debug,info,info,info,warning,error}'), sentence('event', i) || ' trace=' || uuid('trace', i), moment('event', i)
FROM generate_series(1, :rows) AS i;

CREATE INDEX module_events_at ON module_events (at);
CREATE VIEW module_errors AS SELECT module, count(*) AS errors FROM module_events WHERE level = 'error' GROUP BY module;
CREATE FUNCTION setting(text, text) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT value FROM public.settings WHERE module = $1 AND key = $2';
ALTER TABLE settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY settings_read ON settings FOR SELECT TO platform_reader USING (key NOT LIKE 'setting.9%');
