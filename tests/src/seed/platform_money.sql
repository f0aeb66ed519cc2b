-- Accounts and a double-entry ledger: the sum of all entries is zero.
CREATE TYPE side AS ENUM ('debit', 'credit');
CREATE TABLE accounts (
    id bigint PRIMARY KEY,
    iban text NOT NULL UNIQUE CHECK (length(iban) = 22),
    holder text NOT NULL,
    currency char(3) NOT NULL DEFAULT 'EUR',
    opened_on date NOT NULL
);
CREATE TABLE transfers (
    id bigserial PRIMARY KEY,
    reference uuid NOT NULL,
    purpose text NOT NULL,
    amount numeric(14, 2) NOT NULL CHECK (amount > 0),
    booked_at timestamptz NOT NULL
);
CREATE TABLE ledger (
    transfer_id bigint NOT NULL REFERENCES transfers,
    side side NOT NULL,
    account_id bigint NOT NULL REFERENCES accounts,
    amount numeric(14, 2) NOT NULL,
    PRIMARY KEY (transfer_id, side)
);

INSERT INTO accounts SELECT i, iban(i), first_name(i) || ' ' || last_name(i), 'EUR', moment('opened', i)::date
FROM generate_series(1, 10 + :rows / 10) AS i;
INSERT INTO transfers (reference, purpose, amount, booked_at)
SELECT uuid('transfer', i), sentence('purpose', i), (1 + number('amount', i, 10000000)) / 100.0, moment('booked', i)
FROM generate_series(1, :rows) AS i;
INSERT INTO ledger
SELECT t.id, s.side, 1 + number(s.side::text, t.id, 10 + :rows / 10), CASE s.side WHEN 'debit' THEN -t.amount ELSE t.amount END
FROM transfers t, (VALUES ('debit'::side), ('credit')) AS s (side);

CREATE INDEX ledger_account ON ledger (account_id) INCLUDE (amount);
CREATE INDEX transfers_booked ON transfers (booked_at);
CREATE VIEW balances AS SELECT a.iban, a.holder, coalesce(sum(l.amount), 0) AS balance FROM accounts a LEFT JOIN ledger l ON l.account_id = a.id GROUP BY a.id;
CREATE FUNCTION balance(bigint) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT coalesce(sum(amount), 0) FROM public.ledger WHERE account_id = $1';
COMMENT ON COLUMN ledger.amount IS 'negative on the debit side';
