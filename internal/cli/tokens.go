package cli

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"auwai/internal/access"
)

func (a *app) tokens() *cobra.Command {
	return noun("tokens", "Tokens that callers of the service need", a.tokensNew())
}

// newToken is a token that was just made, as the configuration has it, and itself.
type newToken struct {
	Token  string   `json:"token"`
	Name   string   `json:"name"`
	Hash   string   `json:"hash"`
	Roles  []string `json:"roles"`
	Wikis  []string `json:"wikis"`
	PushTo []string `json:"push_to,omitempty"`
}

func (a *app) tokensNew() *cobra.Command {
	var t newToken
	c := &cobra.Command{
		Use:   "new",
		Short: "Make a token, and the lines for the configuration",
		Long: `Make a token and show it, once, with the lines for the configuration: below "tokens", or in the file
that "tokens_file" names. Only a hash of the token stands there. Nothing is changed and nobody is
asked: the token works when the service has read the lines.

Roles: produce (send events and jobs), run (claim and finish jobs), read (lists, counts, metrics),
admin (all of these, and changes). The extension needs produce and read, and run for runJobs.php.`,
		Example: `  auwai tokens new --name aawiki --role produce --role read --wiki aawiki
  auwai tokens new --name repo --role produce --wiki repowiki --push-to '*'
  auwai tokens new --name operator --role admin --wiki '*' --json`,
		Args: args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if err := t.check(); err != nil {
				return err
			}
			var secret [access.SecretBytes]byte
			_, _ = rand.Read(secret[:]) // never fails: it ends the process
			t.Token = access.NewToken(secret)
			t.Hash = access.HashOf(t.Token).String()
			return a.showToken(&t)
		},
	}
	c.Flags().StringVar(&t.Name, "name", "", "what it is called in the configuration and in errors")
	c.Flags().StringSliceVar(&t.Roles, "role", nil, "one of "+strings.Join(access.RoleNames(), ", ")+"; may be repeated")
	c.Flags().StringSliceVar(&t.Wikis, "wiki", nil, "a wiki that it reaches, * for all; may be repeated")
	c.Flags().StringSliceVar(&t.PushTo, "push-to", nil, "a further wiki that work may be sent of, * for all; may be repeated")
	return c
}

func (t *newToken) check() error {
	switch {
	case t.Name == "":
		return usage("--name is missing; call the token by the wiki or the person that has it")
	case access.Redact(t.Name) != t.Name:
		return usage("--name is a token; call it by the wiki or the person that has it")
	case len(t.Roles) == 0:
		return usage("--role is missing; use some of %s", strings.Join(access.RoleNames(), ", "))
	case len(t.Wikis) == 0:
		return usage("--wiki is missing; name the wikis that it reaches, or '*' for all")
	}
	for _, role := range t.Roles {
		if _, ok := access.ParseRole(role); !ok {
			return usage("--role is %q; use some of %s", role, strings.Join(access.RoleNames(), ", "))
		}
	}
	for flag, list := range map[string][]string{"wiki": t.Wikis, "push-to": t.PushTo} {
		if slices.Contains(list, "") {
			return usage("--%s is empty; name a wiki, or '*' for all", flag)
		}
		if slices.Contains(list, "*") && len(list) > 1 {
			return usage("--%s has * beside names; use '*' for all, or the names", flag)
		}
	}
	return nil
}

// showToken writes the token to the one writer that lets it through.
func (a *app) showToken(t *newToken) error {
	if a.json {
		text, err := json.MarshalIndent(t, "", "  ")
		if err != nil {
			return fmt.Errorf("write the token: %w", err)
		}
		_, err = fmt.Fprintf(a.raw, "%s\n", text)
		return err
	}
	lines := []string{
		"- name: " + yamlText(t.Name), "  hash: " + t.Hash, "  roles: [" + strings.Join(t.Roles, ", ") + "]", "  wikis: " + yamlList(t.Wikis),
	}
	if len(t.PushTo) > 0 {
		lines = append(lines, "  push_to: "+yamlList(t.PushTo))
	}
	_, err := fmt.Fprintf(a.raw, `%s

This is the token. It is shown once and kept nowhere. For the configuration, below "tokens":

%s
`, t.Token, strings.Join(lines, "\n"))
	return err
}

// yamlText writes text so that YAML takes it for text: as JSON, which is YAML.
func yamlText(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // not of a string
		return `""`
	}
	return string(b)
}

func yamlList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = yamlText(n)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
