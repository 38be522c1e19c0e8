-- The tables of sql/tables.json for MySQL and MariaDB.
CREATE TABLE /*_*/auwai_spool (
  sp_id BIGINT UNSIGNED AUTO_INCREMENT NOT NULL,
  sp_kind VARBINARY(16) NOT NULL,
  sp_key VARBINARY(64) NOT NULL,
  sp_item MEDIUMBLOB NOT NULL,
  sp_bytes INT UNSIGNED NOT NULL,
  sp_created BINARY(14) NOT NULL,
  sp_due BINARY(14) NOT NULL,
  sp_state INT UNSIGNED DEFAULT 0 NOT NULL,
  sp_refusals INT UNSIGNED DEFAULT 0 NOT NULL,
  sp_error VARBINARY(1000) DEFAULT '' NOT NULL,
  INDEX sp_state_id (sp_state, sp_id),
  INDEX sp_key (sp_key),
  PRIMARY KEY(sp_id)
) /*$wgDBTableOptions*/;
