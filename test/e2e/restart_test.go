package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/test/rig"
)

const (
	restarts       = 20
	answerWithin   = 3 * time.Second // from the last accept of one process to the first of the next
	restartsSecret = "a-secret-of-the-restart-test"
)

// EventBus takes a refused connection for success, so none may be refused while the service is
// restarted beneath the socket that systemd-socket-activate holds.
func TestTwentyRestartsBeneathAHeldSocketRefuseNobodyAndLoseNothing(t *testing.T) {
	rig.Need(t, "systemd")
	dir := t.TempDir()
	binary, err := rig.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := rig.NewEndpoint(map[string]string{"aawiki.localhost": restartsSecret, "bbwiki.localhost": restartsSecret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(endpoint.Close)
	service := heldService(t, binary, dir, endpoint)

	load := rig.NewLoad(service.Admin, restartsSecret, "aawiki", "bbwiki")
	pushing, stopPushing := context.WithCancel(t.Context())
	defer stopPushing()
	var producers errgroup.Group
	producers.Go(func() error { return load.Run(pushing, 6, false) })
	for range restarts {
		rig.Pause(t.Context(), 50*time.Millisecond+time.Duration(rig.Random(int(250*time.Millisecond))))
		if err := service.RestartHeld(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stopPushing()
	if err := producers.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := service.AwaitIdle(t.Context(), 2*time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	for _, refusal := range load.Refused() {
		t.Errorf("a producer was refused %s", refusal)
	}
	rig.AssertContent(t, service)
	if load.Slowest() > answerWithin {
		t.Errorf("an answer took %s, want less than %s", load.Slowest(), answerWithin)
	}
	ran, err := load.Ran(endpoint.Deliveries())
	if err != nil {
		t.Fatal(err)
	}
	acked := load.Acked()
	for _, number := range acked {
		if ran[number] != 1 {
			t.Errorf("job %d was acknowledged and ran %d times", number, ran[number])
		}
	}
	t.Logf("%d restarts, %d jobs acknowledged, slowest answer %s", restarts, len(acked), load.Slowest().Round(time.Millisecond))
	if len(acked) < restarts*10 {
		t.Errorf("only %d jobs were pushed: there was no load", len(acked))
	}
}

// heldService starts the service beneath a holder of its socket, with the endpoint as its wikis.
func heldService(t *testing.T, binary, dir string, endpoint *rig.Endpoint) *rig.Service {
	t.Helper()
	secretFile := filepath.Join(dir, "secret")
	if err := os.WriteFile(secretFile, []byte(restartsSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	config := rig.ServiceConfig{Data: "data", Wikis: map[string]rig.WikiConfig{}}
	for _, wiki := range []string{"aawiki", "bbwiki"} {
		config.Wikis[wiki] = rig.WikiConfig{
			URL: endpoint.URL(), Host: wiki + ".localhost", Runner: rig.RunnerEventBus, SecretFile: secretFile,
		}
	}
	service, err := rig.NewService(binary, dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, filepath.Dir(service.LogFile())) })
	t.Cleanup(service.Kill)
	if err := service.StartHeld(t.Context()); err != nil {
		t.Fatal(err)
	}
	return service
}
