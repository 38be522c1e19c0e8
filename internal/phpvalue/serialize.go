package phpvalue

import "strconv"

// Serialize returns what PHP's serialize() writes of a value (with the default serialize_precision).
func Serialize(v any) []byte { return appendSerialized(nil, v) }

func appendSerialized(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "N;"...)
	case bool:
		if v {
			return append(b, "b:1;"...)
		}
		return append(b, "b:0;"...)
	case int64:
		return append(strconv.AppendInt(append(b, "i:"...), v, 10), ';')
	case float64:
		return append(appendFloat(append(b, "d:"...), v, false), ';')
	case string:
		b = strconv.AppendInt(append(b, "s:"...), int64(len(v)), 10)
		return append(append(append(b, `:"`...), v...), `";`...)
	case *Array:
		b = strconv.AppendInt(append(b, "a:"...), int64(v.Len()), 10)
		b = append(b, ":{"...)
		for i, k := range v.keys {
			if k.IsText {
				b = appendSerialized(b, k.Str)
			} else {
				b = appendSerialized(b, k.Int)
			}
			b = appendSerialized(b, v.values[i])
		}
		return append(b, '}')
	default:
		panic("phpvalue: no value of PHP")
	}
}
