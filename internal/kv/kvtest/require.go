package kvtest

import (
	"bytes"
	"fmt"

	"auwai/internal/kv"
)

func requireCases() []testCase {
	return []testCase{
		{name: "Require of a value holds, or nothing is applied", run: requireValue},
		{name: "Require of absence holds, or nothing is applied", run: requireAbsent},
		{name: "Require tells an empty value from absence", run: requireEmpty},
		{name: "Require looks at the store before the batch", run: requireBefore},
		{name: "several requires hold together or not at all", run: requireSeveral},
		{name: "a required key may be deleted, and required absent and deleted", run: requireDelete},
		{name: "Require that sets the same value again holds", run: requireSame},
		{name: "Require compares odd and long values whole", run: requireOdd},
		{name: "the session key moves through a thousand commits", run: requireSession},
	}
}

func requireValue(e *env) {
	e.set("k", "old", "other", "x")
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Require([]byte("k"), []byte("wrong"))
		b.Set([]byte("k"), []byte("new"))
		b.Set([]byte("row"), []byte("1"))
		b.Delete([]byte("other"))
		b.DeleteRange([]byte("a"), []byte("z"))
	})
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Set([]byte("row"), []byte("1"))
		b.Set([]byte("missing"), []byte("new"))
		b.Require([]byte("missing"), []byte("old"))
	})
	e.wantAll("k", "old", "other", "x")
	e.commit(func(b *kv.Batch) {
		b.Require([]byte("k"), []byte("old"))
		b.Set([]byte("k"), []byte("new"))
		b.Set([]byte("row"), []byte("1"))
	})
	e.wantAll("k", "new", "other", "x", "row", "1")
}

func requireAbsent(e *env) {
	create := func(b *kv.Batch) {
		b.Require([]byte("k"), nil)
		b.Set([]byte("k"), []byte("mine"))
		b.Set([]byte("row"), []byte("1"))
	}
	e.commit(create)
	e.wantAll("k", "mine", "row", "1")
	e.commit(func(b *kv.Batch) { b.Delete([]byte("row")) })
	e.refuse(kv.ErrConflict, create)
	e.wantAll("k", "mine")
	e.commit(func(b *kv.Batch) { b.Delete([]byte("k")) })
	e.commit(create)
	e.wantAll("k", "mine", "row", "1")
}

func requireEmpty(e *env) {
	e.commit(func(b *kv.Batch) { b.Set([]byte("empty"), []byte{}) })
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Require([]byte("empty"), nil)
		b.Set([]byte("empty"), []byte("x"))
	})
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Require([]byte("missing"), []byte{})
		b.Set([]byte("missing"), []byte("x"))
	})
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Require([]byte("empty"), []byte("\x00"))
		b.Set([]byte("empty"), []byte("x"))
	})
	e.wantAll("empty", "")
	e.commit(func(b *kv.Batch) {
		b.Require([]byte("empty"), []byte{})
		b.Set([]byte("empty"), []byte("x"))
	})
	e.wantAll("empty", "x")
}

// requireBefore checks that neither a range delete nor a set of the same batch is what Require sees.
func requireBefore(e *env) {
	e.set("k", "old")
	e.commit(func(b *kv.Batch) {
		b.DeleteRange([]byte("a"), []byte("z"))
		b.Set([]byte("k"), []byte("new"))
		b.Require([]byte("k"), []byte("old"))
	})
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.DeleteRange([]byte("a"), []byte("z"))
		b.Set([]byte("k"), []byte("newer"))
		b.Require([]byte("k"), nil)
	})
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Set([]byte("k"), []byte("newer"))
		b.Require([]byte("k"), []byte("newer"))
	})
	e.wantAll("k", "new")
}

func requireSeveral(e *env) {
	e.set("a", "1", "b", "2")
	move := func(a, b string) func(*kv.Batch) {
		return func(batch *kv.Batch) {
			batch.Require([]byte("a"), []byte(a))
			batch.Require([]byte("b"), []byte(b))
			batch.Require([]byte("c"), nil)
			batch.Set([]byte("a"), []byte("10"))
			batch.Set([]byte("b"), []byte("20"))
			batch.Set([]byte("c"), []byte("30"))
		}
	}
	e.refuse(kv.ErrConflict, move("1", "wrong"))
	e.refuse(kv.ErrConflict, move("wrong", "2"))
	e.wantAll("a", "1", "b", "2")
	e.commit(move("1", "2"))
	e.refuse(kv.ErrConflict, move("10", "20")) // c is there now
	e.wantAll("a", "10", "b", "20", "c", "30")
}

func requireDelete(e *env) {
	e.set("k", "old")
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Require([]byte("k"), []byte("wrong"))
		b.Delete([]byte("k"))
	})
	e.commit(func(b *kv.Batch) {
		b.Require([]byte("k"), []byte("old"))
		b.Delete([]byte("k"))
	})
	e.wantAll()
	e.commit(func(b *kv.Batch) {
		b.Require([]byte("k"), nil)
		b.Delete([]byte("k"))
		b.Set([]byte("row"), []byte("1"))
	})
	e.wantAll("row", "1")
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Require([]byte("k"), []byte("old"))
		b.Delete([]byte("k"))
	})
}

// requireSame guards against stores that count changed rows instead of matched ones.
func requireSame(e *env) {
	e.set("k", "same")
	for i := range 3 {
		e.commit(func(b *kv.Batch) {
			b.Require([]byte("k"), []byte("same"))
			b.Set([]byte("k"), []byte("same"))
			b.Set([]byte("row"), fmt.Append(nil, i))
		})
	}
	e.wantAll("k", "same", "row", "2")
}

func requireOdd(e *env) {
	long := bytes.Repeat([]byte("x"), 70_000)
	other := append(bytes.Clone(long[:len(long)-1]), 'y')
	values := [][]byte{
		[]byte("a"), []byte("A"), []byte("a "), []byte("a\x00"), []byte("\x00"), []byte("'"), []byte(`\`),
		[]byte("ä"), []byte("a\u0308"), []byte("\xff\xfe"), []byte("NULL"), long, other,
	}
	e.set("k", "start")
	now := []byte("start")
	for _, next := range values {
		for _, wrong := range values {
			if bytes.Equal(wrong, now) {
				continue
			}
			e.refuse(kv.ErrConflict, func(b *kv.Batch) {
				b.Require([]byte("k"), wrong)
				b.Set([]byte("k"), []byte("no"))
			})
		}
		e.commit(func(b *kv.Batch) {
			b.Require([]byte("k"), now)
			b.Set([]byte("k"), next)
		})
		now = next
	}
	e.wantValues("k", string(now))
}

// requireSession is the hot path of a node: each commit moves its session key on by one. Every
// hundredth also tries a stale value, and some writes reach the key without a Require.
func requireSession(e *env) {
	const commits = 1_000
	e.set("session", "0")
	for i := range commits {
		if i%100 == 50 {
			e.refuse(kv.ErrConflict, func(b *kv.Batch) {
				b.Require([]byte("session"), fmt.Append(nil, i-1))
				b.Set([]byte("session"), fmt.Append(nil, i))
			})
		}
		if i%100 == 75 { // replaced without a condition, so that a remembered value would be stale
			e.commit(func(b *kv.Batch) {
				b.DeleteRange([]byte("s"), []byte("t"))
				b.Set([]byte("session"), []byte("taken"))
			})
			e.refuse(kv.ErrConflict, func(b *kv.Batch) {
				b.Require([]byte("session"), fmt.Append(nil, i))
				b.Set([]byte("session"), fmt.Append(nil, i+1))
			})
			e.set("session", fmt.Sprint(i))
		}
		e.commit(func(b *kv.Batch) {
			b.Require([]byte("session"), fmt.Append(nil, i))
			b.Set([]byte("session"), fmt.Append(nil, i+1))
			b.Set(numbered("row", i%10), fmt.Append(nil, i))
		})
	}
	e.wantValues("session", fmt.Sprint(commits))
}
