package ident_test

import (
	"bytes"
	"testing"
	"time"

	"auwai/internal/ident"
)

func TestSuffixesOfOneMinterIncreaseEvenWhenTheClockGoesBack(t *testing.T) {
	m := ident.NewMinter(ident.MaxSession)
	now := time.UnixMilli(1_800_000_000_000)
	var last ident.Suffix
	for i := range 1000 {
		s := m.Next(now.Add(time.Duration(-i) * time.Second))
		if bytes.Compare(s[:], last[:]) <= 0 {
			t.Fatalf("suffix %d is %v, not after %v", i, s, last)
		}
		if s.Session() != ident.MaxSession {
			t.Fatalf("Session() = %d, want %d", s.Session(), ident.MaxSession)
		}
		if got := s.Time(); !got.Equal(now) {
			t.Fatalf("Time() = %v, want %v", got, now)
		}
		last = s
	}
}

func TestTextOrderIsByteOrder(t *testing.T) {
	m := ident.NewMinter(77)
	a := m.Next(time.UnixMilli(1_800_000_000_000))
	b := m.Next(time.UnixMilli(1_800_000_000_001))
	if a.String() >= b.String() {
		t.Errorf("%s is not before %s", a, b)
	}
}

func TestParseRefusesWhatIsNoIdentity(t *testing.T) {
	for _, text := range []string{"", ".", "aawiki", "aawiki.", ".00000000000000000000000000", "aawiki.U0000000000000000000000000", "aawiki.80000000000000000000000000"} {
		if id, ok := ident.Parse(text); ok {
			t.Errorf("Parse(%q) = %v, want refusal", text, id)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("aawiki.00000000000000000000000000")
	f.Add("wiki.example.org.7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := ident.Parse(text)
		if !ok {
			return
		}
		again, ok := ident.Parse(id.String())
		if !ok || again != id {
			t.Fatalf("Parse(%q.String()) = %v, %v, want %v", text, again, ok, id)
		}
	})
}
