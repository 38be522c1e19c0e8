package mysqlkv

import (
	"fmt"
	"strconv"

	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

// scanText returns the statement that reads the ranges with their numbers.
func (n names) scanText(ranges []kv.Range) string {
	var text []byte
	for i, r := range ranges {
		if i > 0 {
			text = append(text, " UNION ALL "...)
		}
		if r.MaxBytes > 0 && !r.KeysOnly {
			text = n.appendBounded(text, i, r)
		} else {
			text = n.appendPlain(text, i, r)
		}
	}
	return string(text)
}

// appendPlain appends the reading of a page and one row more.
func (n names) appendPlain(text []byte, i int, r kv.Range) []byte {
	value := "v"
	if r.KeysOnly {
		value = "NULL AS v"
	}
	text = fmt.Appendf(text, "(SELECT %d AS i,k,%s FROM %s", i, value, n.kv)
	return append(n.appendWhere(text, r), ')')
}

// appendBounded appends the reading of a page that is bounded by bytes too. The server sums up the
// lengths and sends the rows up to the first one that is over, and always two, since a page has one
// entry at least and one more shows that there is more. Without that a page of 64 KiB could cost a
// thousand values of 1 MiB on the wire.
func (n names) appendBounded(text []byte, i int, r kv.Range) []byte {
	order := orderOf(r)
	text = fmt.Appendf(text, "(SELECT %d AS i,b.k,s.v FROM (SELECT k FROM (SELECT k,n,"+
		"SUM(n) OVER (ORDER BY k%s ROWS UNBOUNDED PRECEDING) AS total,"+
		"ROW_NUMBER() OVER (ORDER BY k%s) AS place FROM ("+
		"SELECT k,LENGTH(k)+LENGTH(v) AS n FROM %s", i, order, order, n.kv)
	text = n.appendWhere(text, r)
	return fmt.Appendf(text, ") l) w WHERE total-n<=%d OR place<=2) b STRAIGHT_JOIN %s s FORCE INDEX(PRIMARY) ON s.k=b.k"+
		" ORDER BY b.k%s LIMIT %d)", r.MaxBytes, n.kv, order, sqlkv.LimitOf(r)+1)
}

func (n names) appendWhere(text []byte, r kv.Range) []byte {
	text = appendHex(append(text, " FORCE INDEX(PRIMARY) WHERE k>="...), r.From)
	if r.To != nil {
		text = appendHex(append(text, " AND k<"...), r.To)
	}
	text = append(append(text, " ORDER BY k"...), orderOf(r)...)
	return strconv.AppendInt(append(text, " LIMIT "...), int64(sqlkv.LimitOf(r))+1, 10)
}

func orderOf(r kv.Range) string {
	if r.Reverse {
		return " DESC"
	}
	return ""
}
