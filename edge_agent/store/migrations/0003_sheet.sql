-- Closed shifts of tills, each with its sheet. `after`: the last number of the till lane that is on it, in that epoch; the till's next shift
-- begins behind it. The last one of a till is never removed, so numbers go on.
CREATE TABLE sheet (
    till TEXT NOT NULL,
    number INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    after INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (till, number)
) STRICT, WITHOUT ROWID;
