package node_test

import (
	"errors"
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/node"
	"auwai/internal/partition"
)

func TestWhileACommitHangsCallersAreRefusedAtOnce(t *testing.T) {
	d := newManual(t)
	for d.step() {
	}
	p := partition.Of("aawiki")
	answers := map[string]error{}
	call := func(name string) {
		d.m.Submit(d.now, p, &partition.Call{Wiki: "aawiki", Command: &add{wiki: "aawiki"}, Done: func(err error) { answers[name] = err }})
	}
	call("first")
	d.stuck = true
	for d.step() {
	}
	d.now.Mono += 3 * time.Second
	call("second")
	for d.step() {
	}
	if len(answers) > 0 {
		t.Fatalf("answered %v after 3 s", answers)
	}
	d.now.Mono += 1100 * time.Millisecond
	call("third")
	for d.step() {
	}
	if err := answers["first"]; fault.KindOf(err) != fault.Unknown {
		t.Errorf("a call in the commit was answered %v, want Unknown", err)
	}
	if err, ok := answers["second"]; ok {
		t.Errorf("a call that has waited a second was answered %v", err)
	}
	if err := answers["third"]; !errors.Is(err, node.ErrStalled) {
		t.Errorf("a call that comes later was answered %v, want ErrStalled", err)
	}
	d.stuck = false
	d.inputs = append(d.inputs, d.late...)
	for d.step() {
	}
	call("fourth")
	for d.step() {
	}
	for _, name := range []string{"second", "fourth"} {
		if err, ok := answers[name]; !ok || err != nil {
			t.Errorf("%s was answered %v (%t) when the store went on, want nil", name, err, ok)
		}
	}
}
