package migrate

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// mwLayout is MediaWiki's own form of a time (TS_MW), UTC.
const mwLayout = "20060102150405"

// mwTime reads a time in one of the forms that MediaWiki takes (ConvertibleTimestamp): seconds of Unix,
// 14 digits, ISO 8601, or as databases write it. ok is false when it is none.
func mwTime(s string) (t time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) == len(mwLayout) {
		if t, err := time.Parse(mwLayout, s); err == nil {
			return t, true
		}
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && strings.Trim(s, "-.0123456789") == "" {
		// 13 digits at most, as MediaWiki has it.
		if math.Abs(seconds) >= 1e13 {
			return t, false
		}
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(part*1e6)*int64(time.Microsecond)).UTC(), true
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05", "20060102T150405Z", "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z07:00", time.DateTime,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return t, false
}

// normal brings a time into 14 digits, so that equal times of different databases are equal texts.
// What is no time stays what it is.
func normal(stamp string) string {
	if t, ok := mwTime(stamp); ok {
		return t.Format(mwLayout)
	}
	return stamp
}
