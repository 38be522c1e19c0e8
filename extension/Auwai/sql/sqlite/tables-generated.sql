-- The tables of sql/tables.json for SQLite.
CREATE TABLE /*_*/auwai_spool (
  sp_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  sp_kind BLOB NOT NULL, sp_key BLOB NOT NULL,
  sp_item BLOB NOT NULL, sp_bytes INTEGER UNSIGNED NOT NULL,
  sp_created BLOB NOT NULL, sp_due BLOB NOT NULL,
  sp_state INTEGER UNSIGNED DEFAULT 0 NOT NULL,
  sp_refusals INTEGER UNSIGNED DEFAULT 0 NOT NULL,
  sp_error BLOB DEFAULT '' NOT NULL
);

CREATE INDEX sp_state_id ON /*_*/auwai_spool (sp_state, sp_id);

CREATE INDEX sp_key ON /*_*/auwai_spool (sp_key);
