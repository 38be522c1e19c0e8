package server

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"auwai/internal/config"
	"auwai/internal/fault"
)

// handed returns a socket as systemd hands it over.
func handed(t *testing.T, network, address string) (f *os.File, at string) {
	t.Helper()
	var source interface{ File() (*os.File, error) }
	if network == "udp" {
		p, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close() }()
		source, at = p, p.LocalAddr().String()
	} else {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		source, at = l, l.Addr().String()
	}
	f, err := source.File()
	if err != nil {
		t.Fatal(err)
	}
	return f, at
}

func TestSocketsOfSystemdAreToldApartByTheirAddresses(t *testing.T) {
	http, _ := handed(t, "tcp", "127.0.0.1:0")
	purge, purgeAt := handed(t, "tcp", "127.0.0.1:0")
	htcp, htcpAt := handed(t, "udp", "127.0.0.1:0")
	extra, extraAt := handed(t, "tcp", "127.0.0.1:0")
	strange, strangeAt := handed(t, "udp", "127.0.0.1:0")
	cfg := config.Default()
	cfg.CDN.PurgeListen, cfg.CDN.HTCPListen = strings.Replace(purgeAt, "127.0.0.1", "localhost", 1), htcpAt
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	s := &sockets{}
	for _, f := range []*os.File{purge, strange, http, htcp, extra} { // in any order
		if err := s.take(cfg, f, log); err != nil {
			t.Fatal(err)
		}
	}
	if s.http == nil || s.purge == nil || s.purge.Addr().String() != purgeAt || s.htcp == nil || s.htcp.LocalAddr().String() != htcpAt {
		t.Errorf("sockets %+v", s)
	}
	for _, at := range []string{extraAt, strangeAt} {
		if !strings.Contains(text.String(), at) {
			t.Errorf("nothing is said of %s, which is not used: %s", at, text.String())
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestASocketOfSystemdIsAsSafeAsAConfiguredOne(t *testing.T) {
	open, _ := handed(t, "tcp", "0.0.0.0:0")
	s := &sockets{}
	if err := s.take(config.Default(), open, slog.New(slog.DiscardHandler)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("take = %v", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoSocketIsRefused(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&sockets{}).take(config.Default(), f, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), os.DevNull) {
		t.Errorf("take = %v", err)
	}
}
