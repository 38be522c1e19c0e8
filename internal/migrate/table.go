package migrate

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"auwai/internal/sqldump"
)

// DefaultMaxTries is MediaWiki's default of maxTries: a claimed job with so many attempts is abandoned.
const DefaultMaxTries = 3

// TableOptions say how the rows of a job table are read.
type TableOptions struct {
	// Wiki is the name of the wiki that the table belongs to. Required for a dump.
	Wiki string
	// Table is the name of the table; "": job.
	Table string
	// MaxTries is the attempts after which a claimed job is abandoned; 0: DefaultMaxTries.
	MaxTries int
	// Twins are types of jobs of extensions that remove duplicates, by all of their parameters.
	Twins []string
}

// row is one row of the job table.
type row struct {
	wiki      string
	id        string
	kind      string
	namespace int64
	title     string
	stamp     string
	params    []byte
	attempts  int64
	token     string
	twins     *twins // nil: what the type says
}

// item makes an item of a row. where is its place.
func (r *row) item(o *TableOptions, where string) (Item, error) {
	where += ", job_id " + r.id
	if r.kind == "" {
		return Item{}, &BadError{where, "the column job_cmd is empty; a type of job is expected"}
	}
	params, err := parameters(r.params)
	if err != nil {
		return Item{}, &BadError{where + " (" + r.kind + ")", err.Error()}
	}
	j := mwJob{
		source: fromTable, wiki: r.wiki, id: r.id, stamp: normal(r.stamp), kind: r.kind,
		namespace: r.namespace, title: r.title, params: params, where: where + " (" + r.kind + ")",
	}
	j.twins = twinsOf(r.kind, params, o.Twins)
	if r.twins != nil {
		j.twins = *r.twins
	}
	tries := int64(o.MaxTries)
	if tries == 0 {
		tries = DefaultMaxTries
	}
	switch {
	case r.token == "":
	case r.attempts >= tries:
		j.state = Abandoned
	default:
		j.state = Claimed
	}
	return j.item()
}

// dump is a source of an SQL dump.
type dump struct {
	in      io.Reader
	options TableOptions
	share   func() float64
}

func (d *dump) Share() float64 { return d.share() }

func (d *dump) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		table := d.options.Table
		if table == "" {
			table = "job"
		}
		reader := sqldump.NewReader(d.in, sqldump.Options{Table: table, Sign: "job_cmd"})
		for {
			sqlRow, err := reader.Next()
			switch bad, ok := errors.AsType[*sqldump.RowError](err); {
			case errors.Is(err, io.EOF):
				return
			case ok:
				if !yield(Item{}, &BadError{line(bad.Line), bad.Reason}) {
					return
				}
				continue
			case err == nil:
				err = ctx.Err()
			}
			if err != nil {
				yield(Item{}, fmt.Errorf("read the dump: %w", err))
				return
			}
			item, err := d.item(sqlRow)
			if !yield(item, err) {
				return
			}
		}
	}
}

func (d *dump) item(sqlRow *sqldump.Row) (Item, error) {
	r := row{wiki: d.options.Wiki}
	where := line(sqlRow.Line)
	for _, column := range []struct {
		name string
		text *string
	}{{"job_id", &r.id}, {"job_cmd", &r.kind}} {
		v, ok := sqlRow.Get(column.name)
		if !ok || v.Null {
			return Item{}, &BadError{where, "the row has no " + column.name + "; is this MediaWiki's job table?"}
		}
		*column.text = string(v.Bytes)
	}
	for _, column := range []struct {
		name string
		text *string
	}{{"job_title", &r.title}, {"job_timestamp", &r.stamp}, {"job_token", &r.token}} {
		v, _ := sqlRow.Get(column.name)
		*column.text = string(v.Bytes)
	}
	for _, column := range []struct {
		name string
		n    *int64
	}{{"job_namespace", &r.namespace}, {"job_attempts", &r.attempts}} {
		v, ok := sqlRow.Get(column.name)
		if !ok || v.Null {
			continue
		}
		var err error
		if *column.n, err = strconv.ParseInt(string(v.Bytes), 10, 64); err != nil {
			return Item{}, &BadError{where, fmt.Sprintf("the column %s is %.40q; a number is expected", column.name, v.Bytes)}
		}
	}
	v, _ := sqlRow.Get("job_params")
	r.params = bytea(v.Bytes)
	return r.item(&d.options, where)
}

// bytea resolves PostgreSQL's text of bytes, \x…, which no serialised value begins with.
func bytea(b []byte) []byte {
	digits, ok := bytes.CutPrefix(b, []byte(`\x`))
	if !ok {
		return b
	}
	out := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(out, digits); err != nil {
		return b
	}
	return out
}
