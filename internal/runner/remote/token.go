package remote

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// holderOf returns the text that is stored with a claim: the worker's name, for people, and the hash
// of the token. Whoever reads it, or a copy of the store, cannot act as the worker.
func holderOf(worker, token string) string { return worker + "#" + hashOf(token) }

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// proves reports whether a token is that of a holder.
func proves(holder, token string) bool {
	_, hash := splitHolder(holder)
	return subtle.ConstantTimeCompare([]byte(hash), []byte(hashOf(token))) == 1
}

// workerOf returns the worker's name in a holder.
func workerOf(holder string) string {
	name, _ := splitHolder(holder)
	return name
}

// splitHolder cuts at the last sign: a worker's name may have it too, a hash has not.
func splitHolder(holder string) (name, hash string) {
	if i := strings.LastIndexByte(holder, '#'); i >= 0 {
		return holder[:i], holder[i+1:]
	}
	return "", ""
}

// The verbs that end a lease.
const (
	verbFinish  = "finish"
	verbFail    = "fail"
	verbRelease = "release"
)

// outcome is how a lease ended, as its worker said it.
type outcome struct {
	hub              *Hub
	token, job, verb string

	settled chan struct{} // closed when it is durable, or never will be: err
	err     error         // before settled is closed
}

// memory remembers the last outcomes by token, so that one that is said again, since its answer was
// lost, is answered as the first time.
type memory struct {
	most  int
	by    map[string]*outcome
	order []string // tokens, the oldest at next
	next  int
}

func newMemory(most int) memory { return memory{most: most, by: map[string]*outcome{}} }

func (m *memory) find(token string) *outcome { return m.by[token] }

func (m *memory) add(o *outcome) {
	token := o.token
	if len(m.order) < m.most {
		m.order = append(m.order, token)
	} else {
		delete(m.by, m.order[m.next])
		m.order[m.next] = token
		m.next = (m.next + 1) % m.most
	}
	m.by[token] = o
}

// drop forgets one; its place in the order stays.
func (m *memory) drop(token string) { delete(m.by, token) }
