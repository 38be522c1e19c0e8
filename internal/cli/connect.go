package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"auwai/client"
	"auwai/internal/access"
)

// tokenVariable has the token, where --token-file names no file.
const tokenVariable = "AUWAI_TOKEN"

// connect returns a client of the service.
func (a *app) connect() (*client.Client, error) {
	to, err := a.target()
	if err != nil {
		return nil, err
	}
	return client.New(to)
}

// target is the service that the command line and the environment name, with the token for it.
func (a *app) target() (client.Config, error) {
	to := client.Config{Server: a.server}
	var err error
	if a.token != "" {
		to.Token, err = readToken(a.token)
	} else if to.Token = strings.TrimSpace(os.Getenv(tokenVariable)); to.Token != "" && !access.IsToken(to.Token) {
		err = usage("%s has no token in it: %s", tokenVariable, shapeOfToken)
	}
	return to, err
}

const shapeOfToken = `a token begins with ` + access.Prefix + ` and is what "auwai tokens new" printed`

// readToken reads a file with a token. What is in it is not shown.
func readToken(file string) (string, error) {
	const most = 4 << 10
	f, err := os.Open(file)
	if err != nil {
		return "", usage("--token-file: %s", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if !access.IsToken(token) {
		return "", usage("--token-file is %s, which has no token in it: %s", file, shapeOfToken)
	}
	return token, nil
}
