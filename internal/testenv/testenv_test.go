package testenv_test

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"auwai/internal/testenv"
)

// upper is a server on a unix socket that answers each read with the same bytes in brackets. It
// reports what it read on a channel.
func upper(t *testing.T) (socket string, seen chan string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	seen = make(chan string, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 1024)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					seen <- string(buf[:n])
					if _, err := conn.Write([]byte("[" + string(buf[:n]) + "]")); err != nil {
						return
					}
				}
			}()
		}
	}()
	return socket, seen
}

func dial(t *testing.T, p *testenv.Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestProxyForwardsWhatMeetsNoFault(t *testing.T) {
	socket, _ := upper(t)
	conn := dial(t, testenv.NewProxy(t, socket))
	send(t, conn, "one")
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, []byte("[one]")) {
		t.Fatalf("read %q, %v, want [one]", got, err)
	}
}

func TestProxyDeliversWhatEachFaultPromises(t *testing.T) {
	tests := []struct {
		name  string
		fault testenv.Fault
		bytes int
		want  []string // what the server sees
		reply string   // what the client sees
	}{
		{"lose reply", testenv.LoseReply, 0, []string{"request"}, ""},
		{"cut client", testenv.CutClient, 0, []string{"request"}, ""},
		{"cut request", testenv.CutRequest, 3, []string{"req"}, ""},
		{"hold request", testenv.HoldRequest, 0, []string{"request"}, ""},
		{"freeze", testenv.Freeze, 4, []string{"requ", "est"}, "[requ][est]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			socket, seen := upper(t)
			p := testenv.NewProxy(t, socket)
			conn := dial(t, p)
			caught := p.Arm(test.fault, test.bytes)
			send(t, conn, "request")
			<-caught.Caught()
			if caught.Size() != len("request") {
				t.Errorf("Size() = %d, want 7", caught.Size())
			}
			if test.fault == testenv.HoldRequest {
				select {
				case got := <-seen:
					t.Fatalf("the server saw %q before Release", got)
				default:
				}
				caught.Release()
			}
			for i, want := range test.want {
				if got := <-seen; got != want {
					t.Errorf("the server saw %q, want %q", got, want)
				}
				if i == 0 {
					caught.Release()
				}
			}
			reply := make([]byte, len(test.reply))
			if _, err := io.ReadFull(conn, reply); err != nil || string(reply) != test.reply {
				t.Errorf("the client read %q, %v, want %q", reply, err, test.reply)
			}
			if test.reply != "" {
				_ = conn.Close()
			} else if rest, _ := io.ReadAll(conn); len(rest) != 0 {
				t.Errorf("the client read %q, want nothing", rest)
			}
			<-caught.Over()
		})
	}
}

func TestServersStartCrashAndStartAgain(t *testing.T) {
	type server interface {
		Start(ctx context.Context) error
		Kill()
		Stop()
		Socket() string
	}
	for name, start := range map[string]func(testing.TB) server{
		testenv.NameMariaDB:    func(tb testing.TB) server { return testenv.MariaDB(tb) },
		testenv.NamePostgreSQL: func(tb testing.TB) server { return testenv.PostgreSQL(tb) },
	} {
		t.Run(name, func(t *testing.T) {
			testenv.Need(t, name)
			s := start(t)
			for _, end := range []func(){s.Kill, s.Stop} {
				end()
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				conn, err := net.Dial("unix", s.Socket())
				if err != nil {
					t.Fatalf("dial the restarted server: %v", err)
				}
				_ = conn.Close()
			}
		})
	}
}

func TestGaleraNodesAreOneCluster(t *testing.T) {
	const n = 2
	for i, node := range testenv.Galera(t, n) {
		db, err := sql.Open("mysql", node.DSN())
		if err != nil {
			t.Fatal(err)
		}
		var name, size string
		err = db.QueryRowContext(t.Context(), "SHOW STATUS LIKE 'wsrep_cluster_size'").Scan(&name, &size)
		if err != nil || size != strconv.Itoa(n) {
			t.Errorf("node %d sees %q members, %v, want %d", i, size, err, n)
		}
		_ = db.Close()
	}
}
