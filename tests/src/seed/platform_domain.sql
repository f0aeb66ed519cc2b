-- Documents, their revisions and tags; full text search.
CREATE EXTENSION pg_trgm;
CREATE TABLE documents (id bigint PRIMARY KEY, title text NOT NULL, owner text NOT NULL, labels text[] NOT NULL, changed_at timestamptz NOT NULL);
CREATE TABLE revisions (
    document_id bigint NOT NULL REFERENCES documents,
    revision int NOT NULL,
    body text NOT NULL,
    properties jsonb NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED,
    PRIMARY KEY (document_id, revision)
);

INSERT INTO documents
SELECT i, sentence('title', i), first_name(i) || ' ' || last_name(i), ARRAY[pick('l1', i, '{urgent,draft,final,legal}'), pick('l2', i, '{2024,2025,2026}')], moment('doc', i)
FROM generate_series(1, :rows) AS i;
INSERT INTO revisions (document_id, revision, body, properties)
SELECT i, r, sentence('a' || r, i) || ' ' || sentence('b' || r, i) || ' ' || sentence('c' || r, i),
    jsonb_build_object('checksum', md5('rev' || r || i), 'pages', number('pages', i, 40), 'author', jsonb_build_object('name', last_name(i), 'id', uuid('author', i)))
FROM generate_series(1, :rows) AS i, generate_series(1, 2) AS r;

CREATE INDEX documents_title ON documents USING gin (title gin_trgm_ops);
CREATE INDEX documents_labels ON documents USING gin (labels);
CREATE MATERIALIZED VIEW labels AS SELECT unnest(labels) AS label, count(*) FROM documents GROUP BY 1;
CREATE UNIQUE INDEX labels_label ON labels (label);
CREATE VIEW latest_revisions AS SELECT DISTINCT ON (document_id) document_id, revision, body FROM revisions ORDER BY document_id, revision DESC;
CREATE FUNCTION find_documents(text) RETURNS SETOF documents LANGUAGE sql STABLE AS 'SELECT * FROM public.documents WHERE title ILIKE ''%'' || $1 || ''%''';
CREATE SEQUENCE document_numbers START 5000;
SELECT setval('document_numbers', 5000 + :rows);
