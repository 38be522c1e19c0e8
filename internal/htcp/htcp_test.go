package htcp_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"auwai/internal/fault"
	"auwai/internal/htcp"
)

// captured is what MediaWiki 1.39 and 1.43 send for a purge of capturedURL, byte for byte.
const (
	captured = "003e000000380400000000010000000448454144001a687474703a2f2f77696b692e6578616d706c652f77696b692f41" +
		"0008485454502f312e3000000002"
	capturedURL = "http://wiki.example/wiki/A"
)

func packet(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAPacketIsByteForByteMediaWikis(t *testing.T) {
	got, err := htcp.Append(nil, 1, capturedURL)
	if err != nil || !bytes.Equal(got, packet(t, captured)) || len(got) != 62 {
		t.Errorf("Append = %x, %v\nwant     %s", got, err, captured)
	}
	if got, err = htcp.Append(nil, 7, "test.com"); err != nil || len(got) != 44 {
		t.Errorf("a packet for test.com has %d bytes, %v; want 44", len(got), err)
	}
}

func TestMediaWikisPacketIsRead(t *testing.T) {
	url, transaction, err := htcp.Read(packet(t, captured))
	if url != capturedURL || transaction != 1 || err != nil {
		t.Errorf("Read = %q, %d, %v", url, transaction, err)
	}
}

func TestAURLFitsOrIsRefused(t *testing.T) {
	longest := strings.Repeat("a", htcp.MaxURL)
	p, err := htcp.Append(nil, 1<<32-1, longest)
	if err != nil || len(p) != htcp.MaxPacket {
		t.Fatalf("the longest URL makes %d bytes, %v", len(p), err)
	}
	if url, transaction, err := htcp.Read(p); url != longest || transaction != 1<<32-1 || err != nil {
		t.Errorf("the longest URL is read as %d bytes, %d, %v", len(url), transaction, err)
	}
	if _, err := htcp.Append(nil, 1, longest+"a"); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("a URL that is too long: %v", err)
	}
	if _, err := htcp.Append(nil, 1, ""); fault.FieldOf(err) != "url" {
		t.Errorf("an empty URL: %v", err)
	}
}

func TestAPacketThatIsNoCLRIsRefusedWithTheField(t *testing.T) {
	for field, change := range map[string]func(p []byte) []byte{
		"packet":       func(p []byte) []byte { return p[:15] },
		"length":       func(p []byte) []byte { return p[:61] },
		"version":      func(p []byte) []byte { p[2] = 1; return p },
		"data length":  func(p []byte) []byte { p[5] = 0x39; return p },
		"operation":    func(p []byte) []byte { p[6] = 0x01; return p }, // TST: "do you have it?"
		"method":       func(p []byte) []byte { p[14] = 0xff; return p },
		"url":          func(p []byte) []byte { p[20] = 0xff; return p },
		"http version": func(p []byte) []byte { p[48] = 0xff; return p },
		"headers":      func(p []byte) []byte { p[59] = 1; return p },
	} {
		if _, _, err := htcp.Read(change(packet(t, captured))); fault.FieldOf(err) != field || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: error %v", field, err)
		}
	}
}

// What is read is what was meant: written anew, it is read as the same.
func FuzzRead(f *testing.F) {
	f.Add(packet(f, captured))
	f.Add(packet(f, captured)[:40])
	f.Fuzz(func(t *testing.T, p []byte) {
		url, transaction, err := htcp.Read(p)
		if err != nil {
			return
		}
		if !bytes.Contains(p, []byte(url)) {
			t.Fatalf("the URL %q is not in the packet %x", url, p)
		}
		if len(url) > htcp.MaxURL {
			return // its packet left the method out
		}
		again, err := htcp.Append(nil, transaction, url)
		if err != nil {
			t.Fatalf("Append(%d, %q) = %v", transaction, url, err)
		}
		if u, n, err := htcp.Read(again); u != url || n != transaction || err != nil {
			t.Fatalf("Read(Append(%d, %q)) = %q, %d, %v", transaction, url, u, n, err)
		}
	})
}
