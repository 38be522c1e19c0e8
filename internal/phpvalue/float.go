package phpvalue

import (
	"math"
	"strconv"
	"strings"
)

// Bounds of the decimal point between which PHP writes a float without an exponent
// (serialize_precision -1: the shortest digits, in the form of %.17G).
const (
	leastPoint = -3
	mostPoint  = 17
)

// appendFloat writes a float as PHP does. json: as json_encode() with JSON_PRESERVE_ZERO_FRACTION,
// which writes a small e and a fraction always; otherwise as serialize().
func appendFloat(b []byte, f float64, json bool) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NAN"...)
	case math.IsInf(f, 0):
		if f < 0 {
			b = append(b, '-')
		}
		return append(b, "INF"...)
	}
	digits, exponent := shortest(math.Abs(f))
	if math.Signbit(f) {
		b = append(b, '-')
	}
	point := exponent + 1 // how many digits stand before the point
	switch {
	case point < leastPoint || point > mostPoint:
		b = append(append(b, digits[0]), '.')
		if len(digits) == 1 {
			b = append(b, '0')
		}
		b = append(b, digits[1:]...)
		if json {
			b = append(b, 'e')
		} else {
			b = append(b, 'E')
		}
		if exponent >= 0 {
			b = append(b, '+')
		}
		return strconv.AppendInt(b, int64(exponent), 10)
	case point <= 0:
		return append(append(append(b, "0."...), strings.Repeat("0", -point)...), digits...)
	case point < len(digits):
		return append(append(append(b, digits[:point]...), '.'), digits[point:]...)
	default:
		b = append(append(b, digits...), strings.Repeat("0", point-len(digits))...)
		if json {
			b = append(b, ".0"...)
		}
		return b
	}
}

// shortest returns the fewest digits that read back as f, and the exponent of the first.
func shortest(f float64) (digits string, exponent int) {
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, power, _ := strings.Cut(text, "e")
	exponent, _ = strconv.Atoi(power) // FormatFloat writes a number
	return strings.Replace(mantissa, ".", "", 1), exponent
}
