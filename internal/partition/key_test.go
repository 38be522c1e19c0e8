package partition_test

import (
	"bytes"
	"strings"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

func TestEveryWikiIsInOnePartitionAndTheFarmInTheFirst(t *testing.T) {
	if got := partition.Of(partition.Farm); got != 0 {
		t.Errorf("Of(%q) = %d, want 0", partition.Farm, got)
	}
	// A part of the format: these never change.
	for wiki, want := range map[string]partition.ID{"aawiki": 43, "enwiki": 14, "wikidatawiki": 53, "Ελwiki": 59} {
		if got := partition.Of(wiki); got != want {
			t.Errorf("Of(%q) = %d, want %d", wiki, got, want)
		}
	}
}

func TestARegistryRefusesWhatCannotBe(t *testing.T) {
	f := partition.Family{ID: 0x70, Name: "a"}
	if _, err := partition.NewRegistry(f, partition.Family{ID: 0x70, Name: "b"}); err == nil {
		t.Error("two families share an id")
	}
	if _, err := partition.NewRegistry(partition.Family{ID: partition.FamilyMeta, Name: "b"}); err == nil {
		t.Error("a family has an id of this package")
	}
	if _, err := partition.NewRegistry(partition.Family{ID: 0x70, Name: "a", PerWiki: true, Resident: true}); err == nil {
		t.Error("a family is resident and of wikis")
	}
}

func TestARegistryKnowsItsFamilies(t *testing.T) {
	r, err := partition.NewRegistry(
		partition.Family{ID: 0x71, Name: "kept", Resident: true}, partition.Family{ID: 0x70, Name: "of wikis", PerWiki: true})
	if err != nil {
		t.Fatal(err)
	}
	if !r.IsResident(partition.Key(3, 0x71)) || r.IsResident(partition.WikiKey(3, "aawiki", 0x71)) || r.IsResident(partition.Key(3, 0x70)) || r.IsResident(nil) {
		t.Error("IsResident() is wrong")
	}
	families := r.Families()
	for i := 1; i < len(families); i++ {
		if families[i-1].ID >= families[i].ID {
			t.Error("families are not in the order of their ids")
		}
	}
	for _, f := range families {
		if f.Deleted == "" && f.ID < 0x20 {
			t.Errorf("family %s does not say who deletes its keys", f.Name)
		}
	}
	ranges := r.ResidentRanges(3)
	if len(ranges) != 4 {
		t.Fatalf("%d resident ranges, want 3 of this package and one", len(ranges))
	}
	for i := 1; i < len(ranges); i++ {
		if bytes.Compare(ranges[i-1].From, ranges[i].From) >= 0 {
			t.Error("resident ranges are not in order")
		}
	}
}

func TestKeysArePutIntoWords(t *testing.T) {
	r, err := partition.NewRegistry(partition.Family{ID: 0x70, Name: "thing", PerWiki: true})
	if err != nil {
		t.Fatal(err)
	}
	mail := append(partition.Key(5, partition.FamilyMail), partition.SessionSender(77)...)
	for _, c := range []struct {
		key  []byte
		want string
	}{
		{append(partition.WikiKey(3, "aawiki", 0x70), 0xab), "partition 3 wiki aawiki thing ab"},
		{partition.Key(3, partition.FamilyMeta), "partition 3 meta "},
		{tuple.Uint64(mail, 9), "partition 5 mail from session 000000004d number 9"},
		{partition.LanesRange(5).From, "partition 5 lane malformed "},
		{tuple.Uint16(partition.Key(3, partition.FamilyLaneSeq), 7), "partition 3 lane-sent partition 7"},
		{tuple.Uint16(partition.Key(partition.NodeSpace, partition.FamilyOwner), 7), "nodes owner partition 7"},
		{[]byte{1}, "malformed key 01"},
		{partition.Key(3, 0x7f), `partition 3 wiki "" unknown family 0x7f rest `},
	} {
		if got := r.Describe(c.key); got != c.want {
			t.Errorf("Describe(%x) = %q, want %q", c.key, got, c.want)
		}
	}
}

func FuzzKeysComeApartAsTheyWereMade(f *testing.F) {
	f.Add(uint16(3), "aawiki", byte(0x70), []byte("rest"))
	f.Add(uint16(0xffff), "", byte(0), []byte{})
	f.Add(uint16(0), "a\x00b", byte(0xff), []byte{0, 1})
	f.Add(uint16(1), strings.Repeat("w", 300), byte(5), []byte{0})
	f.Fuzz(func(t *testing.T, p uint16, wiki string, family byte, rest []byte) {
		key := partition.Key(partition.ID(p), partition.FamilyID(family))
		want := ""
		if wiki != "" {
			key = partition.WikiKey(partition.ID(p), wiki, partition.FamilyID(family))
			want = tuple.Shorten(wiki)
		}
		gotP, gotWiki, gotFamily, gotRest, ok := partition.SplitKey(append(key, rest...))
		if !ok || gotP != partition.ID(p) || gotWiki != want || gotFamily != partition.FamilyID(family) || !bytes.Equal(gotRest, rest) {
			t.Fatalf("SplitKey() = %d, %q, %#x, %x, %t of partition %d, wiki %q, family %#x, rest %x",
				gotP, gotWiki, gotFamily, gotRest, ok, p, want, family, rest)
		}
	})
}

func FuzzAnyBytesAreDescribedAndRead(f *testing.F) {
	mail := append(partition.Key(5, partition.FamilyMail), partition.SessionSender(77)...)
	f.Add(tuple.Uint64(mail, 9), []byte("kbody"))
	f.Add([]byte{}, []byte{})
	f.Add(partition.Key(5, partition.FamilyLaneOpen), []byte{1})
	f.Add(append(partition.Key(5, partition.FamilyMail), 'p', 0), []byte{})
	r, err := partition.NewRegistry()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if r.Describe(key) == "" {
			t.Fatalf("key %x has no words", key)
		}
		r.IsResident(key)
		m, ok := readMessage(key, value)
		if !ok {
			return
		}
		p, _, _, _, _ := partition.SplitKey(key)
		if from := partition.MailRange(p, m.Sender, m.Seq-1).From; !bytes.Equal(from, key) {
			t.Fatalf("message %+v is at key %x, read from %x", m, from, key)
		}
		if s, ok := partition.MailSender(key); !ok || s != m.Sender {
			t.Fatalf("MailSender(%x) = %q, %t, want %q", key, s, ok, m.Sender)
		}
	})
}

func readMessage(key, value []byte) (partition.Message, bool) {
	return partition.ReadMessage(kv.Entry{Key: key, Value: value})
}
