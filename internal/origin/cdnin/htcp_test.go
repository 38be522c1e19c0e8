package cdnin_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/htcp"
	"auwai/internal/origin/cdnin"
)

// wire is a socket without a network: what is sent on packets is read from it.
type wire struct {
	net.PacketConn

	packets chan []byte
	from    net.Addr
	closed  chan struct{}
	close   sync.Once
}

func newWire() *wire {
	return &wire{packets: make(chan []byte), closed: make(chan struct{}), from: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}}
}

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-w.packets:
		return copy(b, p), w.from, nil
	case <-w.closed:
		return 0, nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	w.close.Do(func() { close(w.closed) })
	return nil
}

func clr(t testing.TB, url string) []byte {
	t.Helper()
	p, err := htcp.Append(nil, 1, url)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHTCPPacketsBecomeEvents(t *testing.T) {
	f, c := newFake(), &counts{}
	conn, err := cdnin.ListenHTCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan struct{}, 1)
	cfg := configOf(f, c)
	cfg.OnPurges = func(outcome string, n int) { c.add(outcome, n); got <- struct{}{} }
	h := cdnin.NewHTCP(cfg)
	running(t, func(ctx context.Context) error { return h.Run(ctx, conn) })
	sender, err := new(net.Dialer).DialContext(t.Context(), "udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	for _, p := range [][]byte{clr(t, "http://wiki.example/wiki/A"), []byte("no packet"), clr(t, "wiki.example/no-scheme")} {
		if _, err := sender.Write(p); err != nil {
			t.Fatal(err)
		}
		<-got
	}
	e := f.event(0, 0)
	if e.URI != "http://wiki.example/wiki/A" || e.Domain != "wiki.example" || e.Stream != event.PurgeStream || f.source[0].Client != "127.0.0.1" {
		t.Errorf("the event is %+v of %+v", e, f.source[0])
	}
	if diff := cmp.Diff(map[string]int{cdnin.Accepted: 1, cdnin.Invalid: 2}, c.all()); diff != "" {
		t.Error(diff)
	}
}

func TestTheReaderOfHTCPNeverWaitsAndCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		f.gate = make(chan struct{})
		h, w := cdnin.NewHTCP(configOf(f, c)), newWire()
		stop := running(t, func(ctx context.Context) error { return h.Run(ctx, w) })
		w.packets <- clr(t, "http://wiki.example/first")
		synctest.Wait() // it is at the intake, which does not answer
		const more = 12_000
		for n := range more {
			w.packets <- clr(t, fmt.Sprintf("http://wiki.example/%d", n))
		}
		w.packets <- clr(t, "http://wiki.example/7") // waits already
		synctest.Wait()
		if c.all()[cdnin.Dropped] != more-10_000 {
			t.Errorf("counted %v, want %d dropped", c.all(), more-10_000)
		}
		close(f.gate)
		synctest.Wait()
		if c.all()[cdnin.Accepted] != 10_002 {
			t.Errorf("counted %v, want 10002 accepted", c.all())
		}
		stop()
	})
}

func TestHTCPIsTriedAgainWithTheSameIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		left := 3
		f.fail = func(e *event.Event) error {
			if e.URI == "http://wiki.example/b" && left > 0 {
				left--
				return fault.New(fault.Unknown, "perhaps")
			}
			return nil
		}
		refuse := 2
		f.admit = func() error {
			if refuse > 0 {
				refuse--
				return fault.New(fault.Unavailable, "no room")
			}
			return nil
		}
		h, w := cdnin.NewHTCP(configOf(f, c)), newWire()
		stop := running(t, func(ctx context.Context) error { return h.Run(ctx, w) })
		w.packets <- clr(t, "http://wiki.example/a")
		w.packets <- clr(t, "http://wiki.example/b")
		<-time.After(time.Minute) // of the bubble
		synctest.Wait()
		ids := map[string]map[string]bool{}
		for _, g := range f.groups {
			for i := range g {
				if ids[g[i].URI] == nil {
					ids[g[i].URI] = map[string]bool{}
				}
				ids[g[i].URI][g[i].ID] = true
			}
		}
		if len(ids["http://wiki.example/a"]) != 1 || len(ids["http://wiki.example/b"]) != 1 || left != 0 {
			t.Errorf("ids %v, %d failures left", ids, left)
		}
		if c.all()[cdnin.Accepted] != 2 || c.all()[cdnin.Dropped] != 0 {
			t.Errorf("counted %v", c.all())
		}
		stop()
	})
}

func TestWhatWaitsAtTheEndIsTakenOrCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		f.gate = make(chan struct{})
		h, w := cdnin.NewHTCP(configOf(f, c)), newWire()
		stop := running(t, func(ctx context.Context) error { return h.Run(ctx, w) })
		w.packets <- clr(t, "http://wiki.example/first")
		synctest.Wait()
		w.packets <- clr(t, "http://wiki.example/second")
		synctest.Wait()
		close(f.gate)
		stop()
		if c.all()[cdnin.Accepted] != 2 {
			t.Errorf("an orderly end: %v", c.all())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		f.admit = func() error { return fault.New(fault.Unavailable, "never") }
		h, w := cdnin.NewHTCP(configOf(f, c)), newWire()
		stop := running(t, func(ctx context.Context) error { return h.Run(ctx, w) })
		w.packets <- clr(t, "http://wiki.example/first")
		synctest.Wait()
		w.packets <- clr(t, "http://wiki.example/second")
		synctest.Wait()
		stop()
		if c.all()[cdnin.Dropped] != 2 {
			t.Errorf("an intake that takes nothing: %v", c.all())
		}
	})
}

func TestHTCPOfStrangersIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		cfg := configOf(f, c)
		cfg.Allowed = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }
		h, w := cdnin.NewHTCP(cfg), newWire()
		stop := running(t, func(ctx context.Context) error { return h.Run(ctx, w) })
		w.packets <- clr(t, "http://wiki.example/mine")
		synctest.Wait()
		w.from = &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9}
		w.packets <- clr(t, "http://wiki.example/not-mine")
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{cdnin.Accepted: 1, cdnin.Refused: 1}, c.all()); diff != "" {
			t.Error(diff)
		}
		stop()
	})
}

func TestAnAddressThatCannotBeListenedOnIsToldWithItsName(t *testing.T) {
	conn, err := cdnin.ListenHTCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, address := range []string{conn.LocalAddr().String(), "127.0.0.1:no"} {
		if _, err := cdnin.ListenHTCP(t.Context(), address); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("ListenHTCP(%s) = %v", address, err)
		}
	}
}
