package main

import (
	"strings"
	"testing"
)

func gate(t *testing.T, logs ...string) (text string, ok bool) {
	t.Helper()
	counted := newTally()
	for i, log := range logs {
		found, err := counted.read(strings.NewReader(log))
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			counted.empty = append(counted.empty, "log "+string(rune('1'+i)))
		}
	}
	var out strings.Builder
	ok = counted.report(&out)
	return out.String(), ok
}

const (
	plain = "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \tx/a\t0.001s\n" +
		"=== RUN   TestDB\n    db_test.go:3: no server\n--- SKIP: TestDB (0.00s)\nPASS\nok  \tx/db\t0.002s\n"
	withServer = "--- PASS: TestDB (0.10s)\n    --- PASS: TestDB/order (0.00s)\nPASS\nok  \tx/db\t1.002s\n"
)

func TestASkipIsNoFaultWhenAnotherRunPasses(t *testing.T) {
	text, ok := gate(t, plain, withServer)
	if want := "tests: 3 passed, 0 failed, 0 skipped\n"; !ok || text != want {
		t.Errorf("gate = %q, %v; want %q, true", text, ok, want)
	}
}

func TestASkipEverywhereFails(t *testing.T) {
	text, ok := gate(t, plain)
	if want := "skipped in every run: x/db TestDB\ntests: 1 passed, 0 failed, 1 skipped\n"; ok || text != want {
		t.Errorf("gate = %q, %v; want %q, false", text, ok, want)
	}
}

func TestTheSameNameInAnotherPackageDoesNotCount(t *testing.T) {
	if text, ok := gate(t, plain, strings.ReplaceAll(withServer, "x/db", "x/other")); ok {
		t.Errorf("gate = %q, true; want false", text)
	}
}

func TestWhatShowsThatTestsDidNotRunFails(t *testing.T) {
	cases := map[string]string{
		"a log without a test":   "nothing to see\n",
		"a subtest that skips":   "--- PASS: TestA (0.00s)\n    --- SKIP: TestA/sub (0.00s)\nok  \tx/a\t0.001s\n",
		"a failure":              "--- FAIL: TestA (0.00s)\nexit status 1\nFAIL\tx/a\t0.001s\n",
		"a log that breaks off":  "--- PASS: TestA (0.00s)\n",
		"PHPUnit in a Go test":   "--- PASS: TestPHP (0.00s)\n    php_test.go:9: Tests: 3, Assertions: 4, Skipped: 1.\nok  \tx/a\t0.001s\n",
		"PHPUnit skipping tests": "OK, but incomplete, skipped, or risky tests!\nTests: 3, Assertions: 4, Skipped: 1.\n",
	}
	for name, log := range cases {
		if text, ok := gate(t, log); ok {
			t.Errorf("%s: gate = %q, true; want false", name, text)
		}
	}
}

func TestPHPUnitTestsAreCounted(t *testing.T) {
	text, ok := gate(t, "OK (12 tests, 40 assertions)\n")
	if want := "tests: 12 passed, 0 failed, 0 skipped\n"; !ok || text != want {
		t.Errorf("gate = %q, %v; want %q, true", text, ok, want)
	}
}
