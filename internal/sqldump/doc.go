// Package sqldump reads the rows of one table out of an SQL dump, as a stream.
//
// # Words
//
//	dump      text that mysqldump, mariadb-dump, pg_dump or sqlite3's .dump has written
//	dialect   what a backslash in a string means: an escape (MySQL, MariaDB) or itself (the others)
//	place     the database or schema that a table is in: a qualifier, USE or \connect
//	row       the values of one row, by the names of its columns, with the line that it begins on
//
// # How a dump is read
//
//	statements ──INSERT/REPLACE INTO the table──▶ rows ──";"──▶ statements
//	     │ ▲ ────COPY the table FROM stdin──────▶ lines ──"\."─▶ statements
//	     │ └──── CREATE TABLE: the order of columns, for rows that do not name them
//	     └─ every other statement is skipped to its end, with regard to strings and comments
//
// # Invariants
//
//   - Memory is bounded by the largest row, and that by MaxValue for each value; a dump of any length is
//     read in one pass.
//   - A value is the bytes that the database had: escapes, hexadecimal and SQLite's replace(), char()
//     and unistr() are resolved.
//
// # Failures
//
//	a row that cannot be read             *RowError; Next goes on with the row after it
//	no such table                         ErrNoTable, with the tables that look like it
//	the table in two places               an error that names both; Options.Table chooses one
//	rows without column names and CREATE  an error that says how to dump them
//	the dump ends in the middle           an error: a part of a dump is not taken for the whole
//	no dump at all (a database file, …)   the caller's: it knows what the file is
//
// # Files
//
//	reader.go      statements, Next           scan.go   bytes, lines, words, skipping
//	value.go       values of INSERT           copy.go   lines of COPY
//	create.go      columns of a table         text.go   escapes
package sqldump
