package purgerunner_test

import (
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"auwai/internal/htcp"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/purgerunner"

	"github.com/google/go-cmp/cmp"
)

// htcpSocket listens for HTCP.
func htcpSocket(t testing.TB) net.PacketConn {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// receive reads packets and returns their URLs and transactions.
func receive(t testing.TB, conn net.PacketConn, n int) (urls []string, transactions []uint32) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for range n {
		packet := make([]byte, htcp.MaxPacket)
		size, _, err := conn.ReadFrom(packet)
		if err != nil {
			t.Fatal(err)
		}
		url, transaction, err := htcp.Read(packet[:size])
		if err != nil {
			t.Fatal(err)
		}
		urls, transactions = append(urls, url), append(transactions, transaction)
	}
	return urls, transactions
}

func TestReceiversOfHTCPAreToldEachURLOnceWithTheirOwnCount(t *testing.T) {
	first, second := htcpSocket(t), htcpSocket(t)
	cfg := purgerunner.Config{HTCP: []string{first.LocalAddr().String(), second.LocalAddr().String()}}
	work := workOf("https://Wiki.example/wiki/A#top", "http://wiki.example/wiki/A", "http://wiki.example/wiki/B?x=%20")
	for i, res := range run(t, cfg, work) {
		if res.Outcome != jobqueue.OutcomeDone {
			t.Errorf("job %d: %+v", i, res)
		}
	}
	for _, conn := range []net.PacketConn{first, second} {
		urls, transactions := receive(t, conn, 2)
		slices.Sort(urls)
		if diff := cmp.Diff([]string{"http://wiki.example/wiki/A", "http://wiki.example/wiki/B?x=%20"}, urls); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]uint32{1, 2}, transactions); diff != "" {
			t.Errorf("transactions: %s", diff)
		}
	}
}

func TestReceiversOfHTCPAreToldAfterTheLayers(t *testing.T) {
	conn := htcpSocket(t)
	answered := make(chan struct{}, 1)
	layer := cache(t, func(http.ResponseWriter, *http.Request) {
		if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		if _, _, err := conn.ReadFrom(make([]byte, htcp.MaxPacket)); err == nil {
			t.Error("the receiver was told before the layer had answered")
		}
		answered <- struct{}{}
	})
	cfg := purgerunner.Config{Layers: [][]string{{layer}}, HTCP: []string{conn.LocalAddr().String()}}
	wantOutcome(t, run(t, cfg, workOf("http://wiki.example/wiki/A"))[0], jobqueue.OutcomeDone, "")
	<-answered
	receive(t, conn, 1)
}

func TestAReceiverThatCannotBeToldFailsThePurgeAndNotTheOthers(t *testing.T) {
	conn := htcpSocket(t)
	cfg := purgerunner.Config{HTCP: []string{"no-such-host.invalid:4827", conn.LocalAddr().String()}}
	got := run(t, cfg, workOf("http://wiki.example/wiki/A"))[0]
	wantOutcome(t, got, jobqueue.OutcomeFailed, "HTCP no-such-host.invalid:4827: ")
	receive(t, conn, 1)
}

func TestAReceiverThatRefusesIsNoticedAndToldAgainLater(t *testing.T) {
	conn := htcpSocket(t)
	address := conn.LocalAddr().String()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	r := purgerunner.New(purgerunner.Config{HTCP: []string{address}, Conns: 1})
	t.Cleanup(r.Close)
	// The first packet is refused by an answer that the kernel gives with a later one.
	words := ""
	for n := 0; n < 100 && words == ""; n++ {
		words = one(t, r, "http://wiki.example/wiki/A").Error
	}
	if words != "HTCP "+address+": nobody listens there" {
		t.Fatalf("the purge of a dead receiver: %q", words)
	}
	again, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if res := one(t, r, "http://wiki.example/wiki/A"); res.Outcome != jobqueue.OutcomeDone {
		t.Errorf("the purge after its return: %+v", res)
	}
	receive(t, again, 1)
}

// one purges one URL.
func one(t testing.TB, r *purgerunner.Runner, url string) (res runner.Result) {
	t.Helper()
	if err := r.Run(t.Context(), workOf(url), func(_ int, got runner.Result) { res = got }); err != nil {
		t.Fatal(err)
	}
	return res
}
