package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// RequireEnv is the environment variable that names, separated by commas, the servers whose tests
// run: mariadb, galera, postgresql; or php, the program.
const RequireEnv = "AUWAI_TEST_REQUIRE"

// The names of the servers.
const (
	NameMariaDB    = "mariadb"
	NameGalera     = "galera"
	NamePostgreSQL = "postgresql"
	NamePHP        = "php"
)

// Need skips the test unless AUWAI_TEST_REQUIRE names the server, and fails it when the server is
// named but not installed.
func Need(tb testing.TB, name string) {
	tb.Helper()
	if !slices.Contains(strings.Split(os.Getenv(RequireEnv), ","), name) {
		target := "engines"
		if name == NamePHP {
			target = "e2e"
		}
		tb.Skipf("needs %s: run make %s (%s=%s)", name, target, RequireEnv, name)
	}
	if err := installed(name); err != nil {
		tb.Fatalf("%s is required by %s: %v", name, RequireEnv, err)
	}
}

func installed(name string) error {
	switch name {
	case NameMariaDB:
		_, err := mariadbPrograms()
		return err
	case NameGalera:
		_, err := mariadbPrograms()
		if err != nil {
			return err
		}
		_, err = galeraProvider()
		return err
	case NamePostgreSQL:
		_, err := postgresPrograms()
		return err
	case NamePHP:
		_, err := exec.LookPath("php")
		return err
	default:
		return fmt.Errorf("no server is named %q", name)
	}
}

// find returns the path of a program, from PATH or from the folders in which Debian keeps servers.
func find(program, debianPackage string, folders ...string) (string, error) {
	for _, folder := range folders {
		matches, err := filepath.Glob(filepath.Join(folder, program))
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", program, err)
		}
		if len(matches) > 0 {
			return slices.Max(matches), nil
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is missing, install %s: %w", program, debianPackage, err)
	}
	return path, nil
}

// credential returns the user a server runs as: the package's own when the test runs as root, since
// servers refuse root; nil, which means the present user, otherwise.
func credential(name string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("look up the user %s: %w", name, err)
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("ids of the user %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// makeFolder makes a temporary folder that the server's user owns. Its path is short, because a unix
// socket's path has at most 107 bytes.
func makeFolder(name string, cred *syscall.Credential) (string, error) {
	folder, err := os.MkdirTemp("", "auwai-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", name, err)
	}
	if cred == nil {
		return folder, nil
	}
	if err := os.Chown(folder, int(cred.Uid), int(cred.Gid)); err != nil {
		return "", errors.Join(fmt.Errorf("hand the folder of %s over: %w", name, err), os.RemoveAll(folder))
	}
	return folder, nil
}
