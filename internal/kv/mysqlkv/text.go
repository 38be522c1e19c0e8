package mysqlkv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"auwai/internal/kv"
)

const (
	// joinKeys is the number of keys in one derived table.
	joinKeys = 500
	// longValue is the length from which a required value is compared by its hash, so that the text
	// of a batch stays bounded: required values do not count in kv.MaxBatchBytes.
	longValue = 64
)

// statement is one statement of a commit.
type statement struct {
	text        []byte
	certificate bool // must change exactly one row
}

// statements returns the batch as the statements of one transaction, START TRANSACTION and COMMIT
// not among them. REQUIRES: b.Check() == nil.
func (n names) statements(b *kv.Batch) []statement {
	plan := b.Plan()
	certificates, plan := n.certify(b.Requires(), plan)
	out := certificates
	for _, r := range plan.Ranges {
		text := n.deleteWhere(nil, "k>=", r.Key)
		text = appendHex(append(text, " AND k<"...), r.Value)
		out = append(out, statement{text: text})
	}
	for keys := range slices.Chunk(plan.Deletes, joinKeys) {
		out = append(out, statement{text: n.deleteKeys(keys)})
	}
	if len(plan.Sets) > 0 {
		out = append(out, statement{text: n.upsert(plan.Sets)})
	}
	return out
}

// certify returns the certificates of the requirements, sorted by key so that two batches never wait
// for each other, and what is left of the plan. What a certificate writes itself is not written
// again, unless a range delete comes between.
func (n names) certify(requires []kv.Requirement, plan kv.Plan) ([]statement, kv.Plan) {
	if len(requires) == 0 {
		return nil, plan
	}
	requires = slices.Clone(requires)
	slices.SortFunc(requires, func(a, b kv.Requirement) int { return bytes.Compare(a.Key, b.Key) })
	out := make([]statement, 0, len(requires))
	written := make(map[string]bool, len(requires))
	for _, r := range requires {
		set, isSet := findOp(plan.Sets, r.Key)
		var text []byte
		whole := true // the certificate is all that the batch does to the key
		switch {
		case r.Value == nil && isSet:
			text = n.insert(r.Key, set.Value)
		case r.Value == nil:
			text, whole = n.insert(r.Key, nil), false
		case isSet && !bytes.Equal(set.Value, r.Value):
			text = n.update(r, set.Value)
		default:
			text, whole = n.deleteIf(r), !isSet
		}
		written[string(r.Key)] = whole
		out = append(out, statement{text: text, certificate: true})
	}
	if len(plan.Ranges) == 0 {
		isWritten := func(op kv.Op) bool { return written[string(op.Key)] }
		plan.Sets = slices.DeleteFunc(plan.Sets, isWritten)
		plan.Deletes = slices.DeleteFunc(plan.Deletes, isWritten)
	}
	return out, plan
}

func findOp(ops []kv.Op, key kv.Key) (kv.Op, bool) {
	i, found := slices.BinarySearchFunc(ops, key, func(op kv.Op, key kv.Key) int { return bytes.Compare(op.Key, key) })
	if !found {
		return kv.Op{}, false
	}
	return ops[i], true
}

func (n names) insert(key, value []byte) []byte {
	text := appendHex([]byte("INSERT INTO "+n.kv+" (k,v) VALUES ("), key)
	return append(appendHex(append(text, ','), value), ')')
}

func (n names) update(r kv.Requirement, value []byte) []byte {
	text := appendHex([]byte("UPDATE "+n.kv+" SET v="), value)
	text = appendHex(append(text, " WHERE k="...), r.Key)
	return appendEqual(append(text, " AND "...), r.Value)
}

func (n names) deleteIf(r kv.Requirement) []byte {
	text := n.deleteWhere(nil, "k=", r.Key)
	return appendEqual(append(text, " AND "...), r.Value)
}

func (n names) deleteWhere(text []byte, condition string, key []byte) []byte {
	text = append(text, "DELETE FROM "+n.kv+" WHERE "+condition...)
	return appendHex(text, key)
}

// deleteKeys deletes at most joinKeys keys. The derived table leads and the primary key is forced:
// the plan cannot become a scan.
func (n names) deleteKeys(ops []kv.Op) []byte {
	text := make([]byte, 0, 128+len(ops)*64)
	text = append(text, "DELETE s FROM ("...)
	for i, op := range ops {
		if i > 0 {
			text = append(text, " UNION ALL "...)
		}
		text = append(appendHex(append(text, "SELECT "...), op.Key), " AS k"...)
	}
	return append(text, ") t STRAIGHT_JOIN "+n.kv+" s FORCE INDEX(PRIMARY) ON s.k=t.k"...)
}

func (n names) upsert(ops []kv.Op) []byte {
	size := 0
	for _, op := range ops {
		size += 2*(len(op.Key)+len(op.Value)) + len("(x'',x''),")
	}
	text := make([]byte, 0, size+128)
	text = append(text, "INSERT INTO "+n.kv+" (k,v) VALUES "...)
	for i, op := range ops {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendHex(append(text, '('), op.Key)
		text = append(appendHex(append(text, ','), op.Value), ')')
	}
	return append(text, " ON DUPLICATE KEY UPDATE v=VALUES(v)"...)
}

// appendHex appends a literal that depends on no SQL mode and no character set.
func appendHex(text, value []byte) []byte {
	text = append(text, 'x', '\'')
	text = hex.AppendEncode(text, value)
	return append(text, '\'')
}

// appendEqual appends the condition that v has the value.
func appendEqual(text, value []byte) []byte {
	if len(value) < longValue {
		return appendHex(append(text, "v="...), value)
	}
	sum := sha256.Sum256(value)
	return append(hex.AppendEncode(append(text, "SHA2(v,256)='"...), sum[:]), '\'')
}
