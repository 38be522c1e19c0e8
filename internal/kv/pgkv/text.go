package pgkv

import (
	"bytes"
	"encoding/hex"
	"slices"

	"auwai/internal/kv"
)

// message returns the batch as the text of one transaction; "" when there is nothing to do.
// REQUIRES: b.Check() == nil.
func message(b *kv.Batch) string {
	plan := b.Plan()
	text := make([]byte, 0, 256+3*b.Bytes()+16*b.Len())
	text, plan = appendCertificates(text, b.Requires(), plan)
	for _, r := range plan.Ranges {
		text = appendExecute(text, stmtRange, r.Key, r.Value)
	}
	if len(plan.Deletes) > 0 {
		text = appendKeys(append(text, "EXECUTE "+stmtDel+"("...), plan.Deletes)
		text = append(text, ");"...)
	}
	if len(plan.Sets) > 0 {
		text = appendKeys(append(text, "EXECUTE "+stmtPut+"("...), plan.Sets)
		text = append(appendValues(append(text, ','), plan.Sets), ");"...)
	}
	return string(text)
}

// appendCertificates appends the certificates of the requirements, sorted by key so that two batches
// never wait for each other, and returns what is left of the plan. What a certificate writes itself is
// not written again, unless a range delete comes between.
func appendCertificates(text []byte, requires []kv.Requirement, plan kv.Plan) ([]byte, kv.Plan) {
	if len(requires) == 0 {
		return text, plan
	}
	requires = slices.Clone(requires)
	slices.SortFunc(requires, func(a, b kv.Requirement) int { return bytes.Compare(a.Key, b.Key) })
	written := make(map[string]bool, len(requires))
	for _, r := range requires {
		set, isSet := findOp(plan.Sets, r.Key)
		switch {
		case r.Value == nil:
			text = appendExecute(text, stmtAdd, r.Key, set.Value)
		case isSet:
			text = appendExecute(text, stmtSwap, r.Key, set.Value, r.Value)
		default:
			text = appendExecute(text, stmtTake, r.Key, r.Value)
		}
		// The row that shows the absence of a key to delete has yet to go.
		written[string(r.Key)] = isSet || r.Value != nil
	}
	if len(plan.Ranges) == 0 {
		isWritten := func(op kv.Op) bool { return written[string(op.Key)] }
		plan.Sets = slices.DeleteFunc(plan.Sets, isWritten)
		plan.Deletes = slices.DeleteFunc(plan.Deletes, isWritten)
	}
	return text, plan
}

func findOp(ops []kv.Op, key kv.Key) (kv.Op, bool) {
	i, found := slices.BinarySearchFunc(ops, key, func(op kv.Op, key kv.Key) int { return bytes.Compare(op.Key, key) })
	if !found {
		return kv.Op{}, false
	}
	return ops[i], true
}

func appendExecute(text []byte, statement string, args ...[]byte) []byte {
	text = append(text, "EXECUTE "+statement...)
	for i, arg := range args {
		separator := byte(',')
		if i == 0 {
			separator = '('
		}
		text = append(text, separator, '\'', '\\', 'x')
		text = append(hex.AppendEncode(text, arg), '\'')
	}
	return append(text, ");"...)
}

// appendKeys appends the keys as one array literal.
func appendKeys(text []byte, ops []kv.Op) []byte {
	text = append(text, "'{"...)
	for i := range ops {
		text = appendElement(text, i, ops[i].Key)
	}
	return append(text, "}'"...)
}

// appendValues appends the values as one array literal.
func appendValues(text []byte, ops []kv.Op) []byte {
	text = append(text, "'{"...)
	for i := range ops {
		text = appendElement(text, i, ops[i].Value)
	}
	return append(text, "}'"...)
}

// appendElement appends a bytea in its hex form; an array literal takes one of two backslashes.
func appendElement(text []byte, i int, value []byte) []byte {
	if i > 0 {
		text = append(text, ',')
	}
	return hex.AppendEncode(append(text, `\\x`...), value)
}
