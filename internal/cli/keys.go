package cli

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"auwai/internal/kv"
	"auwai/internal/kv/pebblekv"
)

// storeFile is in the folder of every store, and in no other.
const storeFile = "AUWAI-FORMAT"

// keyRow is a key in words.
type keyRow struct {
	Key   string `json:"key"` // hexadecimal
	Words string `json:"words"`
	Bytes *int   `json:"bytes,omitempty"` // of the value
}

func (a *app) keys() *cobra.Command {
	var data, prefix string
	limit := 0
	c := &cobra.Command{
		Use:   "keys [KEY…]",
		Short: "Put keys of the store into words",
		Long: `Put keys into words: hexadecimal ones from the command line or, one a line, from standard input; or,
with --data, those of a store whose service is stopped.`,
		Example: `  auwai keys 0011000120646f776e77696b690001640001
  auwai keys --data /var/lib/auwai --limit 20
  auwai keys --data /var/lib/auwai --prefix 0011`,
		RunE: func(c *cobra.Command, keys []string) error {
			if a.deps.Registry == nil {
				return errors.New("this program was built without the service")
			}
			registry, err := a.deps.Registry()
			if err != nil {
				return err
			}
			if limit < 0 {
				return usage("--limit is %d; 0 shows all", limit)
			}
			show := a.keyShower()
			switch {
			case data != "" && len(keys) > 0:
				return usage("give keys or --data, not both")
			case data != "":
				err = scanKeys(c.Context(), data, prefix, limit, func(e kv.Entry) {
					n := len(e.Value)
					show.add(keyRow{hex.EncodeToString(e.Key), registry.Describe(e.Key), &n})
				})
			default:
				err = a.eachKey(keys, func(key []byte) {
					show.add(keyRow{Key: hex.EncodeToString(key), Words: registry.Describe(key)})
				})
			}
			return errors.Join(show.end(), err)
		},
	}
	c.Flags().StringVar(&data, "data", "", "folder of a store whose service is stopped")
	c.Flags().StringVar(&prefix, "prefix", "", "with --data: only keys that begin so, in hexadecimal")
	c.Flags().IntVar(&limit, "limit", 100, "with --data: number of keys; 0: all")
	return c
}

// keyShower shows keys as they come, or all together as JSON.
type keyShower struct {
	*app
	rows []keyRow
}

func (a *app) keyShower() *keyShower { return &keyShower{app: a, rows: []keyRow{}} }

func (s *keyShower) add(r keyRow) {
	r.Words = strings.TrimSpace(r.Words)
	switch {
	case s.json:
		s.rows = append(s.rows, r)
	case r.Bytes != nil:
		fmt.Fprintf(s.stdout, "%s  %s  (%s)\n", r.Key, r.Words, plural(*r.Bytes, "byte", "bytes"))
	default:
		fmt.Fprintf(s.stdout, "%s  %s\n", r.Key, r.Words)
	}
}

func (s *keyShower) end() error {
	if !s.json {
		return nil
	}
	return s.writeJSON(struct {
		Keys []keyRow `json:"keys"`
	}{s.rows})
}

// eachKey reads keys from the arguments, else from standard input.
func (a *app) eachKey(keys []string, f func(key []byte)) error {
	decode := func(text string) error {
		key, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		if err != nil || len(key) == 0 {
			return usage("%q is no key; write it in hexadecimal", oneLine(text, 80))
		}
		f(key)
		return nil
	}
	for _, k := range keys {
		if err := decode(k); err != nil {
			return err
		}
	}
	if len(keys) > 0 {
		return nil
	}
	lines := bufio.NewScanner(a.stdin)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			if err := decode(text); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// scanKeys goes through the keys of a store. 0 is no limit.
func scanKeys(ctx context.Context, dir, prefix string, limit int, f func(kv.Entry)) (err error) {
	from, err := hex.DecodeString(prefix)
	if err != nil {
		return usage("--prefix is %q; write it in hexadecimal", prefix)
	}
	if _, err := os.Stat(filepath.Join(dir, storeFile)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store in %s; name the folder that is data in the configuration", dir) // opening would make one
	}
	engine, err := pebblekv.Open(ctx, pebblekv.Config{Dir: dir})
	if errors.Is(err, pebblekv.ErrInUse) {
		return fmt.Errorf("the store in %s is in use; stop the service, or look at a snapshot of the folder", dir)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	r := kv.Prefix(from)
	for left := limit; ; {
		r.Limit = kv.DefaultLimit
		if limit > 0 {
			r.Limit = min(left, kv.DefaultLimit)
		}
		pages, err := engine.Scan(ctx, r)
		if err != nil {
			return err
		}
		entries := pages[0].Entries
		for _, e := range entries {
			f(e)
		}
		left -= len(entries)
		if !pages[0].More || limit > 0 && left <= 0 {
			return nil
		}
		r.From = append(entries[len(entries)-1].Key, 0)
	}
}
