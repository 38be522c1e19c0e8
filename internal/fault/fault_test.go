package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"auwai/internal/fault"
)

func TestKindOfFindsTheOutermostKind(t *testing.T) {
	sentinel := fault.New(fault.Conflict, "taken")
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{nil, fault.Internal},
		{io.EOF, fault.Internal},
		{sentinel, fault.Conflict},
		{fmt.Errorf("claim job: %w", sentinel), fault.Conflict},
		{fault.Wrap(fault.Unavailable, sentinel, "later"), fault.Unavailable},
		{fmt.Errorf("%w: %w", io.EOF, sentinel), fault.Conflict},
		{errors.Join(sentinel, fault.New(fault.Invalid, "x")), fault.Conflict},
		{fault.Newf(fault.TooLarge, "%d bytes", 5), fault.TooLarge},
		{fault.Field("queue", "is empty"), fault.Invalid},
	} {
		if got := fault.KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

func TestErrorSaysFieldTextAndCause(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fault.New(fault.NotFound, "no such job"), "no such job"},
		{fault.Newf(fault.TooLarge, "%d of %d", 5, 4), "5 of 4"},
		{fault.Field("wikis.aawiki.url", "%q is no URL", "x"), `wikis.aawiki.url: "x" is no URL`},
		{fault.Wrap(fault.Unavailable, io.EOF, "read the answer"), "read the answer: EOF"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("Error() = %q, want %q", got, c.want)
		}
	}
}

func TestFieldOfFindsTheField(t *testing.T) {
	err := fmt.Errorf("check: %w", fault.Field("listen", "is not an address"))
	if got := fault.FieldOf(err); got != "listen" {
		t.Errorf("FieldOf = %q, want listen", got)
	}
	if got := fault.FieldOf(io.EOF); got != "" {
		t.Errorf("FieldOf(EOF) = %q, want nothing", got)
	}
}

func TestWrapKeepsTheCause(t *testing.T) {
	if !errors.Is(fault.Wrap(fault.Internal, io.EOF, "read"), io.EOF) {
		t.Error("Wrap lost its cause")
	}
	if err := fault.Wrap(fault.Internal, nil, "read"); err != nil {
		t.Errorf("Wrap(nil) = %v, want nil", err)
	}
}

func TestTwoSentinelsOfOneTextAreDistinct(t *testing.T) {
	if a, b := fault.New(fault.Conflict, "x"), fault.New(fault.Conflict, "x"); errors.Is(a, b) {
		t.Error("two sentinels are the same error")
	}
}

func TestEveryKindHasItsOwnName(t *testing.T) {
	seen := map[string]fault.Kind{}
	for k := fault.Internal; k <= fault.Forbidden; k++ {
		if other, twice := seen[k.String()]; twice {
			t.Errorf("kinds %d and %d are both %q", other, k, k)
		}
		seen[k.String()] = k
	}
	if got := fault.Kind(200).String(); got != "internal" {
		t.Errorf("an unknown kind is %q, want internal", got)
	}
}

func TestShortQuotesTheBeginningAndNoHalfCharacter(t *testing.T) {
	long := strings.Repeat("a", 79) + "é" + "z"
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"enwiki", "enwiki"},
		{strings.Repeat("b", 80), strings.Repeat("b", 80)},
		{long, strings.Repeat("a", 79) + "…"},
		{strings.Repeat("\x80", 90), strings.Repeat("\x80", 76) + "…"},
	} {
		if got := fault.Short(c.in); got != c.want {
			t.Errorf("Short(%q) = %q, want %q", c.in, got, c.want)
		}
		if got := fault.Short([]byte(c.in)); got != c.want {
			t.Errorf("Short of the bytes %q = %q, want %q", c.in, got, c.want)
		}
	}
}
