package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"auwai/internal/config"
	"auwai/internal/fault"
	"auwai/internal/htcp"
	"auwai/internal/server"
)

// freePort returns a loopback address that nobody listens on at this moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// purgeStand is a service between a stock wiki and a cache.
type purgeStand struct {
	*running

	purge, htcp string           // where the service takes purges
	asked       chan string      // what the cache was asked to purge
	answer      chan struct{}    // received from before the cache answers
	told        *net.UDPConn     // what the service tells by HTCP
	packets     func(url string) // sends HTCP to the service
}

func newPurgeStand(t *testing.T) *purgeStand {
	t.Helper()
	s := &purgeStand{purge: freePort(t), htcp: freePort(t), asked: make(chan string, 100), answer: make(chan struct{}, 100)}
	cache := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.asked <- r.Method + " " + r.RequestURI
		<-s.answer
	}))
	t.Cleanup(cache.Close)
	t.Cleanup(func() { close(s.answer) })
	var err error
	if s.told, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.told.Close() })
	s.running = start(t, t.TempDir(), fmt.Sprintf(`  aawiki: {url: "http://127.0.0.1:9", host: aawiki.localhost, runner: eventbus}
queues: {auwai.purge: {concurrency: 1, per_wiki: 1, attempts: 1}}
cdn: {layers: [[%q]], htcp: [%q], purge_listen: %q, htcp_listen: %q}
`, cache.Listener.Addr(), s.told.LocalAddr(), s.purge, s.htcp))
	sender, err := new(net.Dialer).DialContext(t.Context(), "udp", s.htcp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sender.Close() })
	s.packets = func(url string) {
		packet, err := htcp.Append(nil, 1, url)
		if err == nil {
			_, err = sender.Write(packet)
		}
		if err != nil {
			t.Error(err)
		}
	}
	return s
}

// send asks the service to purge, as MediaWiki asks a cache, and returns the status.
func (s *purgeStand) send(t *testing.T, url string) int {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.purge)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	host := strings.Split(url, "/")[2]
	if _, err := fmt.Fprintf(conn, "PURGE %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", url, host); err != nil {
		t.Fatal(err)
	}
	var version, text string
	var status int
	if _, err := fmt.Fscan(conn, &version, &status, &text); err != nil {
		t.Fatal(err)
	}
	return status
}

// heard returns the URL of the next packet that the service sent.
func (s *purgeStand) heard(t *testing.T) string {
	t.Helper()
	packet := make([]byte, htcp.MaxPacket)
	if err := s.told.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	n, err := s.told.Read(packet)
	if err != nil {
		t.Fatal(err)
	}
	url, _, err := htcp.Read(packet[:n])
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func TestPurgesOfAllWiresAreOneJobAndReachCachesInTheirOrder(t *testing.T) {
	s := newPurgeStand(t)
	const first, second = "http://aawiki.localhost:8080/wiki/A", "http://aawiki.localhost:8080/wiki/B?x=%20"
	if status := s.send(t, first); status != http.StatusOK {
		t.Fatalf("PURGE is answered %d", status)
	}
	if got := <-s.asked; got != "PURGE "+first {
		t.Fatalf("the cache is asked %s", got)
	}
	// While the cache thinks, the same purge comes by all wires.
	if status := s.send(t, second); status != http.StatusOK {
		t.Fatalf("PURGE is answered %d", status)
	}
	s.packets(second)
	event := `{"$schema":"/resource_change/1.0.0","meta":{"uri":"` + second + `","id":"e","domain":"aawiki.localhost","stream":"resource-purge"}}`
	if status, text := s.do(t, http.MethodPost, "/v1/events", event); status != http.StatusCreated {
		t.Fatalf("the event is answered %d %s", status, text)
	}
	waitFor(t, func() bool {
		_, text := s.do(t, http.MethodGet, "/v1/jobs?state=duplicate&queue=auwai.purge&wiki=aawiki", "")
		return strings.Count(text, `"duplicate_of"`) == 2
	})
	if _, text := s.do(t, http.MethodGet, "/v1/queues", ""); !strings.Contains(text, `"wiki":"aawiki"`) || strings.Count(text, `"queue"`) != 1 {
		t.Errorf("the purges are not all of the host's wiki: %s", text)
	}
	s.answer <- struct{}{}
	if got := s.heard(t); got != first {
		t.Errorf("HTCP tells %s, want %s", got, first)
	}
	if got := <-s.asked; got != "PURGE "+second {
		t.Errorf("the cache is asked %s", got)
	}
	s.answer <- struct{}{}
	if got := s.heard(t); got != second {
		t.Errorf("HTCP tells %s, want %s", got, second)
	}
	waitFor(t, func() bool {
		_, text := s.do(t, http.MethodGet, "/v1/jobs?state=done&queue=auwai.purge", "")
		return strings.Count(text, `"state":"done"`) == 2
	})
	if len(s.asked) != 0 {
		t.Errorf("the cache was asked again: %s", <-s.asked)
	}
	_, text := s.do(t, http.MethodGet, "/metrics", "")
	for _, line := range []string{`auwai_purges_received_total{outcome="accepted",wire="http"} 2`, `auwai_purges_received_total{outcome="accepted",wire="htcp"} 1`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not counted", line)
		}
	}
}

func TestAPurgeOfAnUnknownHostBelongsToTheHost(t *testing.T) {
	s := newPurgeStand(t)
	s.packets("https://Other.example/x")
	if got := <-s.asked; got != "PURGE http://other.example/x" {
		t.Errorf("the cache is asked %s", got)
	}
	s.answer <- struct{}{}
	waitFor(t, func() bool {
		_, text := s.do(t, http.MethodGet, "/v1/jobs?state=done&wiki=other.example", "")
		return strings.Contains(text, `"state":"done"`)
	})
}

func TestAServiceWhoseWireIsTakenDoesNotStart(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, cdn := range []config.CDN{
		{PurgeListen: taken.Addr().String()},
		{PurgeListen: freePort(t), HTCPListen: "127.0.0.1:no"},
	} {
		cfg := config.Default()
		cfg.Data, cfg.Listen, cfg.CDN = t.TempDir(), freePort(t), cdn
		ctx, cancel := context.WithCancel(t.Context())
		err = server.Run(ctx, server.Options{Config: cfg, OnReady: func(net.Addr) { cancel() }})
		cancel()
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Run with %+v = %v", cdn, err)
		}
	}
}
