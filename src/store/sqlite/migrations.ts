/**
 * The schema, one step a version: `PRAGMA user_version` counts those that a database has seen. A step
 * that was released is never edited; a new one is appended.
 *
 * Records that only the facts in memory look into are kept as JSON documents. What must be unique in
 * them has a column of its own, so that the database itself refuses a second one.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE machines (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL CHECK (json_valid(document)),
    hostname TEXT NOT NULL UNIQUE,
    address INTEGER UNIQUE,
    serial TEXT UNIQUE,
    uuid TEXT UNIQUE
  ) STRICT;
  CREATE TABLE machine_macs (
    mac TEXT PRIMARY KEY,
    machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX machine_macs_machine ON machine_macs (machine);

  CREATE TABLE subnets (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL CHECK (json_valid(document))
  ) STRICT;

  CREATE TABLE leases (
    subnet TEXT NOT NULL,
    mac TEXT NOT NULL,
    address INTEGER NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('offered', 'bound', 'released')),
    since INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (subnet, mac)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE quarantine (
    address INTEGER PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE boots (
    id TEXT PRIMARY KEY,
    machine TEXT NOT NULL,
    document TEXT NOT NULL CHECK (json_valid(document))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX boots_machine ON boots (machine, id);

  CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    machine TEXT NOT NULL,
    boot TEXT NOT NULL,
    mac TEXT NOT NULL,
    event TEXT NOT NULL CHECK (json_valid(event))
  ) STRICT;
  CREATE INDEX events_boot ON events (boot, seq);
  CREATE INDEX events_machine ON events (machine, seq);

  CREATE TABLE images (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL CHECK (json_valid(document))
  ) STRICT;
  CREATE TABLE default_image (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL
  ) STRICT;

  CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL CHECK (json_valid(document))
  ) STRICT;
  `,
  `
  CREATE TABLE boot_tokens (
    boot TEXT PRIMARY KEY,
    token TEXT,
    document TEXT NOT NULL CHECK (json_valid(document))
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE stored_tokens (
    owner TEXT PRIMARY KEY,
    document TEXT NOT NULL CHECK (json_valid(document))
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE relay_ports (
    mac TEXT PRIMARY KEY,
    document TEXT NOT NULL CHECK (json_valid(document))
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    machine TEXT,
    token TEXT,
    entry TEXT NOT NULL CHECK (json_valid(entry))
  ) STRICT;
  CREATE INDEX audit_machine ON audit (machine, seq) WHERE machine IS NOT NULL;
  CREATE INDEX audit_token ON audit (token, seq) WHERE token IS NOT NULL;
  `,
]
