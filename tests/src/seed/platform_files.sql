-- Files: small ones in rows, a few as large objects. Their bytes do not compress, like pictures.
CREATE TABLE folders (id int PRIMARY KEY, parent_id int REFERENCES folders, name text NOT NULL);
CREATE TABLE files (
    id bigserial PRIMARY KEY,
    folder_id int NOT NULL REFERENCES folders,
    name text NOT NULL,
    content bytea NOT NULL,
    sha256 bytea NOT NULL,
    content_type text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE archives (id int PRIMARY KEY, name text NOT NULL, content oid NOT NULL);

CREATE FUNCTION seed.bytes(salt text, i bigint, blocks bigint) RETURNS bytea LANGUAGE sql STABLE
AS $$ SELECT string_agg(sha512(convert_to(salt || i || '/' || b, 'UTF8')), '' ORDER BY b) FROM generate_series(1, blocks) AS b $$;

INSERT INTO folders SELECT i, CASE WHEN i > 1 THEN 1 + number('parent', i, i - 1)::int END, pick('folder', i, '{contracts,pictures,scans,letters,reports}') || ' ' || i
FROM generate_series(1, 50) AS i;
INSERT INTO files (folder_id, name, content, sha256, content_type, created_at)
SELECT 1 + number('folder', i, 50), last_name(i) || '-' || i || '.' || extension, content, sha256(content), 'image/' || extension, moment('file', i)
FROM generate_series(1, :rows) AS i, pick('type', i, '{png,jpeg,webp}') AS extension, bytes('file', i, 4 + number('size', i, 40)) AS content;
INSERT INTO archives SELECT i, 'archive ' || i, lo_from_bytea((700000 + i)::oid, bytes('archive', i, 1 + :rows / 4)) FROM generate_series(1, 3) AS i;
SELECT count(lo_put((700000 + i)::oid, 100, '\x00ff00ff')) FROM generate_series(1, 3) AS i;

CREATE INDEX files_folder ON files (folder_id, name);
CREATE INDEX files_digest ON files USING hash (sha256);
CREATE VIEW file_sizes AS SELECT folder_id, count(*) AS files, sum(length(content)) AS bytes FROM files GROUP BY folder_id;
CREATE FUNCTION path_of(int) RETURNS text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE up AS (SELECT id, parent_id, name FROM public.folders WHERE id = $1
        UNION ALL SELECT f.id, f.parent_id, f.name || '/' || up.name FROM public.folders f JOIN up ON f.id = up.parent_id)
    SELECT name FROM up WHERE parent_id IS NULL
$$;
