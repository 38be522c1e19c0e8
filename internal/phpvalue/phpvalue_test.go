package phpvalue_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"auwai/internal/fault"
	"auwai/internal/phpvalue"
)

// vector is a job of the fixture that the extension's tests replay on PHP.
type vector struct {
	Name       string `json:"name"`
	Serialized []byte `json:"serialized"`
	Item       string `json:"item"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("../../api/fixtures/extension-migrate.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Cases []vector `json:"cases"`
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) == 0 {
		t.Fatal("the fixture has no cases")
	}
	return f.Cases
}

func TestParametersAreReadAndWrittenAsPHPDoes(t *testing.T) {
	for _, c := range vectors(t) {
		v, err := phpvalue.Unserialize(c.Serialized)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got := phpvalue.Serialize(v); string(got) != string(c.Serialized) {
			t.Errorf("%s: serialised again it is\n%q, want\n%q", c.Name, got, c.Serialized)
		}
		params := string(phpvalue.AppendParams(nil, v.(*phpvalue.Array)))
		if !strings.HasSuffix(c.Item, `,"params":`+params+"}}") {
			t.Errorf("%s: as JSON it is\n%s, want the end of\n%s", c.Name, params, c.Item)
		}
	}
}

func TestWhatIsNoPlainValueIsRefusedWithItsPlace(t *testing.T) {
	for text, words := range map[string]string{
		``:                                  "ends where a value is expected (byte 0)",
		`x`:                                 "ends where a value is expected (byte 0)",
		`x:1;`:                              "'x' begins no value (byte 0)",
		`i:1`:                               "';' is expected",
		`i:9223372036854775808;`:            "no integer of 64 bits",
		`b:2;`:                              "no boolean",
		`d:0x1p2;`:                          "no float",
		`d:1_0;`:                            "no float",
		`s:5:"abc"`:                         "ends early",
		`s:900:"abc";`:                      "only",
		`s:3:"abcd";`:                       `"\";" is expected`,
		`N;N;`:                              "2 bytes are left after the value (byte 2)",
		`a:1:{i:0;N;`:                       `"}" is expected`,
		`a:2000000000:{i:0;N;}`:             "only",
		`a:1:{N;N;}`:                        "a key is expected",
		`a:1:{b:1;N;}  `:                    "a key is expected",
		`a:1:{s:1:"o";O:8:"stdClass":0:{}}`: `object of class "stdClass"`,
		`C:11:"ArrayObject":0:{}`:           `object of class "ArrayObject"`,
		`E:11:"Suit:Hearts";`:               `object of class "Suit:Hearts"`,
		`a:2:{i:0;N;i:1;R:2;}`:              "a reference",
	} {
		v, err := phpvalue.Unserialize([]byte(text))
		if err == nil || !strings.Contains(err.Error(), words) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("Unserialize(%q) = %v, %v; want an error with %q", text, v, err, words)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("a:1:{i:0;", n) + "N;" + strings.Repeat("}", n) }
	if _, err := phpvalue.Unserialize([]byte(nested(phpvalue.MaxDepth))); err != nil {
		t.Error(err)
	}
	if _, err := phpvalue.Unserialize([]byte(nested(phpvalue.MaxDepth + 1))); err == nil {
		t.Error("one level too many is no error")
	}
}

func TestKeysThatLookLikeIntegersAreIntegers(t *testing.T) {
	for s, integer := range map[string]bool{
		"5": true, "-5": true, "0": true, "-0": false, "05": false, "5 ": false, "": false, "-": false, "+5": false,
		"9223372036854775807": true, "9223372036854775808": false, "-9223372036854775808": true, "1e3": false,
	} {
		if k := phpvalue.TextKey(s); k.IsText == integer || k.String() != s {
			t.Errorf("TextKey(%q) = %+v", s, k)
		}
	}
}

func TestTheLastOfEqualKeysCountsInTheFirstPlace(t *testing.T) {
	var b strings.Builder
	for range 20 { // beyond the size from which arrays have an index
		b.WriteString(`s:1:"a";i:1;s:1:"b";i:2;s:1:"3";i:4;i:3;i:5;`)
	}
	v, err := phpvalue.Unserialize([]byte("a:80:{" + b.String() + "}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(phpvalue.AppendJSON(nil, v)); got != `{"a":1,"b":2,"3":5}` {
		t.Errorf("got %s", got)
	}
}

func TestAnObjectOfStdClassIsReadWhereItIsAskedFor(t *testing.T) {
	a, ok, err := phpvalue.UnserializeObject([]byte(`O:8:"stdClass":2:{s:4:"blob";s:2:"xy";s:3:"enc";s:4:"gzip";}`))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if enc, _ := a.Get("enc"); enc != "gzip" || a.Len() != 2 {
		t.Errorf("properties: %s", phpvalue.AppendJSON(nil, a))
	}
	if _, ok, err := phpvalue.UnserializeObject([]byte(`a:0:{}`)); ok || err != nil {
		t.Errorf("an array is an object: %v, %v", ok, err)
	}
	if _, ok, err := phpvalue.UnserializeObject([]byte(`O:4:"Evil":0:{}`)); !ok || err == nil || !strings.Contains(err.Error(), `"Evil"`) {
		t.Errorf("another class: %v, %v", ok, err)
	}
}

func FuzzUnserialize(f *testing.F) {
	for _, c := range vectors(f) {
		f.Add(c.Serialized)
	}
	f.Add([]byte(`a:2:{i:0;d:-0.5;s:1:"x";b:1;}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := phpvalue.Unserialize(data)
		if err != nil {
			return
		}
		canonical := phpvalue.Serialize(v)
		again, err := phpvalue.Unserialize(canonical)
		if err != nil {
			t.Fatalf("%q was read, and written as %q, which is not read: %v", data, canonical, err)
		}
		if string(phpvalue.Serialize(again)) != string(canonical) {
			t.Errorf("%q is written as %q, then as %q", data, canonical, phpvalue.Serialize(again))
		}
		if text := phpvalue.AppendJSON(nil, v); !json.Valid(text) {
			t.Errorf("%q is written as JSON %s", data, text)
		}
	})
}
