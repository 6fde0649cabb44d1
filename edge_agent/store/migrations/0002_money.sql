-- One line: how many commits of money this file has had, and a digest of them all, to be held against the anchor
-- (store/anchor.py). `anchored`: there has been an anchor, so there must be one. `hours` counts the hours the agent
-- has run, for pruning; `outage` numbers the times the line was down, for what may be paid in one.
CREATE TABLE money (
    line INTEGER PRIMARY KEY CHECK (line = 1),
    commits INTEGER NOT NULL,
    head TEXT NOT NULL,
    anchored INTEGER NOT NULL,
    hours INTEGER NOT NULL,
    outage INTEGER NOT NULL
) STRICT;

INSERT INTO money VALUES (1, 0, '', 0, 0, 1);

-- Value or points that this store may hand out (store/leases.py). A row stays for longer than anybody keeps a backup
-- at head office: a lease installs once. `hour` is the running hour of its last record.
-- `number` and `mac` are those of its last record; `until_ms` is monotonic time of `boot`. `digest`: the token that
-- was presented, keyed once more with this store's own key; empty when nobody presented one.
CREATE TABLE lease (
    lease TEXT PRIMARY KEY,
    epoch TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'doubtful')),
    purse TEXT NOT NULL,
    unit TEXT NOT NULL,
    programme TEXT NOT NULL,
    digest BLOB NOT NULL,
    granted INTEGER NOT NULL CHECK (granted >= 0),
    topped INTEGER NOT NULL DEFAULT 0,
    refunded INTEGER NOT NULL DEFAULT 0,
    spent INTEGER NOT NULL DEFAULT 0,
    released INTEGER NOT NULL DEFAULT 0,
    number INTEGER NOT NULL,
    mac TEXT NOT NULL,
    boot TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    CHECK (spent + released <= granted + topped + refunded)
) STRICT, WITHOUT ROWID;

CREATE INDEX lease_open ON lease (purse) WHERE state = 'open';

CREATE INDEX lease_hour ON lease (hour) WHERE state = 'closed';

CREATE INDEX lease_of ON lease (digest) WHERE state = 'open';

-- What tills did, by their own numbers (store/journal.py). `asked` is a digest of the question, `answer` what the till
-- was told; `outage` is 0 when the line was up. `wall_ms` is for people only. `held`: a payment that a terminal's master has
-- not acknowledged yet (edge_agent/terminals.py).
CREATE TABLE journal (
    entry INTEGER PRIMARY KEY,
    till TEXT NOT NULL,
    txn TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('pay', 'refund', 'top', 'undo', 'close')),
    asked BLOB NOT NULL,
    answer BLOB NOT NULL,
    receipt TEXT NOT NULL,
    cashier TEXT NOT NULL,
    tender TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    points INTEGER NOT NULL,
    digest BLOB NOT NULL,
    boot TEXT NOT NULL,
    mono_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    outage INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    UNIQUE (till, txn)
) STRICT;

CREATE INDEX journal_till ON journal (till, entry);

CREATE INDEX journal_held ON journal (entry) WHERE held = 1;

CREATE INDEX journal_receipt ON journal (receipt);

CREATE INDEX journal_digest ON journal (digest, entry);

CREATE INDEX journal_outage ON journal (outage) WHERE outage > 0;

CREATE INDEX journal_hour ON journal (hour);

-- One record of a lease that belongs to an entry. `worth` is what it paid in the entry's currency; `returned` and
-- `returned_worth` say how much of a payment's part has been given back.
CREATE TABLE part (
    entry INTEGER NOT NULL,
    part INTEGER NOT NULL,
    lease TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    purse TEXT NOT NULL,
    programme TEXT NOT NULL,
    unit TEXT NOT NULL,
    amount INTEGER NOT NULL,
    worth INTEGER NOT NULL,
    returned INTEGER NOT NULL DEFAULT 0,
    returned_worth INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (entry, part),
    CHECK (returned <= amount AND returned_worth <= worth)
) STRICT, WITHOUT ROWID;

CREATE INDEX part_purse ON part (purse, entry);

-- The rules of card programmes, as told.
CREATE TABLE programme (
    programme TEXT PRIMARY KEY,
    told BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal's last entry when the member was told: what came after it is not in the balances told.
ALTER TABLE member ADD COLUMN entry INTEGER NOT NULL DEFAULT 0
