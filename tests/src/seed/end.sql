SET client_min_messages = warning;
DROP SCHEMA seed CASCADE;
GRANT USAGE ON SCHEMA public TO platform_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO platform_reader;
ANALYZE;
