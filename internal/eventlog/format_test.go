package eventlog

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auwai/internal/ident"
	"auwai/internal/kv"
)

var rewrite = flag.Bool("rewrite", false, "write the format files anew; only for a new format, beside the old files")

// sample returns the tail, block and head that the files of format 1 hold.
func sample(t testing.TB) (tail, block, head1 []byte) {
	t.Helper()
	ref := NewRef(ident.Suffix{15: 9}, PieceSize+1)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for _, r := range []Record{
		{Pos: 300, At: at, Data: []byte("first")},
		{Pos: 301, At: at.Add(time.Second), Data: nil},
		{Pos: 305, At: at.Add(time.Minute), Data: ref.append(nil), ref: true},
	} {
		tail = appendRecord(tail, &r)
	}
	f := Foldable{Stream: "s", at: at.Add(time.Hour)}
	c, err := f.Build([]kv.Entry{{Key: tailKey(3, "s", 299), Value: tail}}, func(data []byte) (Tag, bool, []Tag) {
		return Tag{0: byte(len(data))}, len(data) > 0, []Tag{{1: 1}} //nolint:gosec // five bytes
	})
	if err != nil {
		t.Fatal(err)
	}
	h := head{next: 301, first: 300, blockFirst: 299, blockFrom: 300, blocks: 1, blockBytes: 120, oldest: c.Info.Folded}
	return tail, c.Value, h.encode()
}

func TestFormatsOneAreReadForEver(t *testing.T) {
	tail, block, head1 := sample(t)
	files := map[string][]byte{"tail.1": tail, "block.1": block, "head.1": head1}
	for name, want := range files {
		path := filepath.Join("testdata", name)
		if *rewrite {
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = got
	}
	if !bytes.Equal(files["tail.1"], tail) || !bytes.Equal(files["head.1"], head1) {
		t.Error("tails or heads are written in another way: give the new one another format number")
	}
	// The compressor may change what it writes; what matters is that the old bytes are read.
	wantInfo, wantRecords, err := readBlock(block)
	if err != nil {
		t.Fatal(err)
	}
	info, records, err := readBlock(files["block.1"])
	if err != nil {
		t.Fatal(err)
	}
	opts := []cmp.Option{cmp.AllowUnexported(Record{}), cmpopts.IgnoreUnexported(BlockInfo{})}
	if diff := cmp.Diff(wantInfo, info, opts...); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantRecords, records, opts...); diff != "" {
		t.Error(diff)
	}
	if h, ok := decodeHead(files["head.1"]); !ok || h.first != 300 || h.blocks != 1 {
		t.Errorf("head %+v", h)
	}
}

func FuzzMalformedValuesAreRefused(f *testing.F) {
	tail, block, head1 := sample(f)
	for _, v := range [][]byte{tail, block, head1, nil} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		for rest := v; len(rest) > 0; {
			r, next, err := takeRecord(rest)
			if err != nil {
				break
			}
			if again, _, err := takeRecord(appendRecord(nil, &r)); err != nil || fmt.Sprint(again) != fmt.Sprint(r) {
				t.Fatalf("record %v reads back as %v, %v", r, again, err)
			}
			rest = next
		}
		if h, ok := decodeHead(v); ok && !bytes.Equal(h.encode(), v) {
			t.Fatalf("head %x is written as %x", v, h.encode())
		}
		if info, records, err := readBlock(v); err == nil && len(records) > maxRaw {
			t.Fatalf("block %+v has %d records", info, len(records))
		}
	})
}
