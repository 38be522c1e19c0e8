package rig

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// RequireEnv is the environment variable that names, separated by commas, what the machine must
// have: mediawiki, varnish, systemd, chromium. `make e2e` sets it after installing them.
const RequireEnv = "AUWAI_TEST_REQUIRE"

// AssertContent fails the test if the service logged an error.
func AssertContent(tb testing.TB, service *Service) {
	tb.Helper()
	complaints, err := service.Complaints()
	if err != nil {
		tb.Error(err)
	}
	for _, line := range complaints {
		tb.Errorf("the service complains: %s", line)
	}
}

// programOf returns the file or program that must be there for a need.
func programOf(need string) string {
	switch need {
	case "mediawiki":
		return mediaWikiRoot + "/index.php"
	case "varnish":
		return "/usr/sbin/varnishd"
	case "chromium":
		return "chromium"
	case "systemd":
		return "systemd-socket-activate"
	default:
		return ""
	}
}

// Need skips the test unless RequireEnv names everything it needs, and fails it when something is
// named but not there.
func Need(tb testing.TB, needs ...string) {
	tb.Helper()
	required := strings.Split(os.Getenv(RequireEnv), ",")
	for _, need := range needs {
		if !slices.Contains(required, need) {
			tb.Skipf("needs %s: run make e2e (%s=%s)", need, RequireEnv, strings.Join(needs, ","))
		}
		program := programOf(need)
		if program == "" {
			tb.Fatalf("nothing is known of the need %q", need)
		}
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if _, err := os.Stat(program); err != nil {
			tb.Fatalf("%s is required by %s and missing: %s", need, RequireEnv, program)
		}
	}
}
