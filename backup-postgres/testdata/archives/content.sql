-- What the archives beside this file hold. Each was made from a server of the version that its name begins with, by that server's own pg_dump, to a pipe:
--   N.pgdump             pg_dump --format=custom --compress=0
--   N-compressed.pgdump  pg_dump --format=custom --compress=9
--   18-statistics.pgdump pg_dump --format=custom --compress=0 --statistics
CREATE ROLE golden_owner;
CREATE ROLE "golden reader";
CREATE DATABASE golden TEMPLATE template0 OWNER golden_owner;
ALTER DATABASE golden SET work_mem = '5MB';
GRANT TEMPORARY ON DATABASE golden TO "golden reader";
\connect golden
SET SESSION AUTHORIZATION golden_owner;
CREATE SCHEMA odd;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE accounts (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, feeling mood, twice int GENERATED ALWAYS AS (length(name) * 2) STORED);
INSERT INTO accounts (name, feeling) SELECT 'account ' || n, 'good' FROM generate_series(1, 25) n;
CREATE TABLE odd."Entries of ü" (id serial PRIMARY KEY, account int REFERENCES accounts, amount numeric CHECK (amount <> 0), note text);
INSERT INTO odd."Entries of ü" (account, amount, note) SELECT 1 + n % 25, n, E'tab\t line\n \\. end' FROM generate_series(1, 40) n;
CREATE TABLE empty (x int);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE wide (x text);
INSERT INTO wide VALUES (repeat('x', 5000)), (NULL), ('');
CREATE TABLE log (at date, what text, PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO log SELECT date '2026-01-01' + n, 'x' FROM generate_series(0, 9) n;
CREATE VIEW rich AS SELECT name FROM accounts;
CREATE MATERIALIZED VIEW sums AS SELECT account, sum(amount) FROM odd."Entries of ü" GROUP BY 1;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts TO "golden reader" USING (id > 5);
GRANT SELECT ON accounts TO "golden reader";
ALTER DEFAULT PRIVILEGES IN SCHEMA odd GRANT SELECT ON TABLES TO "golden reader";
COMMENT ON TABLE accounts IS 'with a comment';
SELECT lo_from_bytea(1001, decode(repeat('ab', 3000), 'hex'));
SELECT lo_from_bytea(1002, '');
SELECT lo_from_bytea(1003, 'small');
GRANT SELECT ON LARGE OBJECT 1003 TO "golden reader";
RESET SESSION AUTHORIZATION;
ANALYZE;
