-- Plans, subscriptions, invoices and their lines.
CREATE TYPE invoice_state AS ENUM ('draft', 'sent', 'paid', 'cancelled');
CREATE SEQUENCE invoice_number START 100001 INCREMENT 1;
CREATE TABLE plans (code text PRIMARY KEY, title text NOT NULL, monthly numeric(10, 2) NOT NULL CHECK (monthly >= 0));
CREATE TABLE invoices (
    id bigint PRIMARY KEY,
    number text NOT NULL UNIQUE,
    plan text NOT NULL REFERENCES plans,
    customer text NOT NULL,
    customer_iban text NOT NULL,
    state invoice_state NOT NULL,
    issued_on date NOT NULL
);
CREATE TABLE invoice_lines (
    invoice_id bigint NOT NULL REFERENCES invoices ON DELETE CASCADE,
    position int NOT NULL,
    text text NOT NULL,
    quantity int NOT NULL,
    unit_price numeric(10, 2) NOT NULL,
    total numeric(12, 2) GENERATED ALWAYS AS (quantity * unit_price) STORED,
    PRIMARY KEY (invoice_id, position)
);

INSERT INTO plans VALUES ('starter', 'Starter', 9), ('team', 'Team', 49.90), ('business', 'Business', 249), ('enterprise', 'Enterprise', 1990);
INSERT INTO invoices
SELECT i, 'INV-' || nextval('invoice_number'), pick('plan', i, '{starter,team,business,enterprise}'), company(i), iban(i),
    pick('state', i, '{draft,sent,paid,paid,paid,cancelled}')::invoice_state, moment('issued', i)::date
FROM generate_series(1, :rows) AS i;
INSERT INTO invoice_lines (invoice_id, position, text, quantity, unit_price)
SELECT i, p, sentence('line' || p, i), 1 + number('q' || p, i, 20), number('p' || p, i, 100000) / 100.0
FROM generate_series(1, :rows) AS i, generate_series(1, 4) AS p;

CREATE INDEX invoices_state ON invoices (state, issued_on);
CREATE VIEW open_invoices AS SELECT i.number, i.customer, sum(l.total) AS amount FROM invoices i JOIN invoice_lines l ON l.invoice_id = i.id WHERE i.state = 'sent' GROUP BY i.id;
CREATE FUNCTION invoice_total(bigint) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(total) FROM public.invoice_lines WHERE invoice_id = $1';
