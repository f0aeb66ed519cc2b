-- Words and numbers that look drawn by chance and are the same in every run: everything is a function of a salt and a
-- row number. The schema `seed` is dropped when the tables are full. The functions are called STABLE, not IMMUTABLE, because
-- `text || bigint` is: otherwise the planner does not inline them, and filling takes five times as long.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA seed;
SET search_path = public, seed;

CREATE FUNCTION seed.number(salt text, i bigint, below bigint) RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT ('x' || substr(md5(salt || i), 1, 15))::bit(60)::bigint % below $$;

CREATE FUNCTION seed.pick(salt text, i bigint, words text[]) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT words[1 + seed.number(salt, i, cardinality(words))] $$;

CREATE FUNCTION seed.uuid(salt text, i bigint) RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT md5(salt || i)::uuid $$;

CREATE FUNCTION seed.moment(salt text, i bigint) RETURNS timestamptz LANGUAGE sql STABLE
AS $$ SELECT timestamptz '2025-04-22 17:00:00+00' + seed.number(salt, i, 31536000000) * interval '1 millisecond' $$;

CREATE FUNCTION seed.first_name(i bigint) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT seed.pick('first', i, '{Anna,Amélie,Bogdan,Carlos,Chiara,Dmitri,Elif,Emma,Fatima,Goran,Hana,Ingrid,Jana,João,Karim,Lars,Léa,Luca,Magdalena,Marek,Miriam,Noah,Olga,Paul,Petra,Rahel,Sofia,Søren,Tereza,Tomás,Ursula,Vera,Wolfgang,Yuki,Zoë}') $$;

CREATE FUNCTION seed.last_name(i bigint) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT seed.pick('last', i, '{Andersen,Bauer,Bianchi,Çelik,Dvořák,Eriksson,Fischer,García,Horváth,Ivanova,Jansen,Keller,Kowalski,Lefèvre,Martin,Meyer,Müller,Nakamura,Novák,O''Brien,Papadopoulos,Pereira,Petrović,Rossi,Schmidt,Schneider,Silva,Smith,Szabó,Tanaka,Virtanen,Weber,Yılmaz,Ziegler}') $$;

CREATE FUNCTION seed.company(i bigint) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT seed.last_name(i + 7) || ' ' || seed.pick('trade', i, '{Logistics,Metals,Foods,Software,Energy,Textiles,Consulting,Timber,Pharma,Optics}') || ' ' || seed.pick('form', i, '{GmbH,AG,S.r.l.,Ltd,S.A.,Oy,s.r.o.,B.V.}') $$;

CREATE FUNCTION seed.sentence(salt text, i bigint) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT seed.pick(salt || 's', i, '{The customer,Our supplier,A colleague,The auditor,The warehouse,This service,The bank,Support,The carrier,An administrator}')
    || ' ' || seed.pick(salt || 'v', i, '{asked for,confirmed,rejected,moved,archived,paid,corrected,signed,forwarded,questioned,cancelled}')
    || ' ' || seed.pick(salt || 'o', i, '{the order,invoice,contract,delivery note,transfer,the report,a refund,the complaint,credit note,an appointment}')
    || ' ' || seed.number(salt, i, 1000000) || ' '
    || seed.pick(salt || 'e', i, '{because the address had changed.,after two reminders.,without comment.,"as agreed on the phone.",in the name of the board.,and waits for an answer.,at the end of the quarter.}') $$;

-- With correct check digits (ISO 7064 mod 97); no two rows have the same (7654321 and 10^10 have no common factor).
CREATE FUNCTION seed.iban(i bigint) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT 'DE' || to_char(98 - (bban || '131400')::numeric % 97, 'FM00') || bban
    FROM (SELECT '37040044' || lpad((i * 7654321 % 10000000000)::text, 10, '0') AS bban) AS account $$;

-- As the migration tool goose keeps it.
CREATE TABLE goose_db_version (
    id serial PRIMARY KEY,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp DEFAULT now()
);
INSERT INTO goose_db_version (version_id, is_applied, tstamp)
SELECT CASE i WHEN 0 THEN 0 ELSE 20250100000000 + i * 100000000 + 120000 END, true, timestamp '2025-01-01' + i * interval '30 days'
FROM generate_series(0, 11) AS i;
