-- The tables of sql/tables.json for PostgreSQL.
CREATE TABLE auwai_spool (
  sp_id BIGSERIAL NOT NULL,
  sp_kind TEXT NOT NULL,
  sp_key TEXT NOT NULL,
  sp_item TEXT NOT NULL,
  sp_bytes INT NOT NULL,
  sp_created TIMESTAMPTZ NOT NULL,
  sp_due TIMESTAMPTZ NOT NULL,
  sp_state INT DEFAULT 0 NOT NULL,
  sp_refusals INT DEFAULT 0 NOT NULL,
  sp_error TEXT DEFAULT '' NOT NULL,
  PRIMARY KEY(sp_id)
);

CREATE INDEX sp_state_id ON auwai_spool (sp_state, sp_id);

CREATE INDEX sp_key ON auwai_spool (sp_key);
