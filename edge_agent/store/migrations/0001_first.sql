-- One line each: whatever is known of this file. `epoch` is 16 hex digits, made with it.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A run of the box: wall time = mono_ms + offset_ms, believed when sure.
CREATE TABLE boot (
    boot TEXT PRIMARY KEY,
    offset_ms INTEGER NOT NULL,
    sure INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `number` is the last number the row stands for: its own, but for a `dropped/1`, which spans several.
-- The greatest row of a lane is never removed, so it always says how far the lane has been numbered.
CREATE TABLE row (
    lane INTEGER NOT NULL,
    number INTEGER NOT NULL,
    boot TEXT NOT NULL,
    mono_ms INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (lane, number)
) STRICT, WITHOUT ROWID;

-- `confirmed`: how far the centre has receipted. `opened`: how far the lane was numbered when this file was
-- first opened after it last heard the centre; NULL once the centre has been heard.
CREATE TABLE lane (
    lane INTEGER PRIMARY KEY,
    confirmed INTEGER NOT NULL DEFAULT 0,
    opened INTEGER
) STRICT;

-- How far each lane was confirmed at the end of each hour the agent has run: what may be pruned, counted in
-- running hours because wall clocks jump.
CREATE TABLE hour (
    hour INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    PRIMARY KEY (hour, lane)
) STRICT, WITHOUT ROWID;

-- What the store has been told: the last number of each feed, members, and who has which card or telephone.
-- `digest` is the token keyed once more with this store's own key.
CREATE TABLE feed (
    feed TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    member TEXT PRIMARY KEY,
    answer BLOB NOT NULL,
    digests BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    digest BLOB PRIMARY KEY,
    member TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
