package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"auwai/internal/fault"
)

// Bounds of a folder. Wikimedia's two repositories of schemas have some 3,000 files and 20 MiB.
const (
	maxFiles       = 20_000
	maxFileBytes   = 1 << 20
	maxFolderBytes = 128 << 20
	maxPath        = 255 // bytes, as of all names
)

// base is what paths are resolved against. The host cannot exist (RFC 2606), and is never asked.
const base = "https://schemas.invalid"

// errNoFile answers a reference that leads out of the folder, or to nothing in it.
var errNoFile = errors.New("is not in the folder of schemas; schemas are loaded from nowhere else")

// folder is the documents of a folder by their paths. It is the loader of the compiler.
type folder struct {
	docs   map[string]any
	broken map[string]error // files that cannot be read as JSON or YAML
	paths  []string         // of both, sorted
	files  []string         // that were read, with their folders
}

// readFolder reads all schemas below dir.
func readFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "open the folder of schemas")
	}
	defer root.Close() //nolint:errcheck // it was only read
	f := &folder{docs: map[string]any{}, broken: map[string]error{}}
	files, total := 0, 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && name != "."
		at, ok := pathOfFile(name)
		switch {
		case d.IsDir() && (hidden || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir():
			f.files = append(f.files, filepath.Join(dir, name))
			return nil
		case hidden || !ok || f.has(at): // the same schema is often there as JSON and as YAML
			return nil
		}
		f.files = append(f.files, filepath.Join(dir, name))
		if files++; files > maxFiles {
			return fault.Newf(fault.TooLarge, "the folder of schemas %s has more than %d files", dir, maxFiles)
		}
		text, err := readFile(root, name)
		if total += len(text); total > maxFolderBytes {
			return fault.Newf(fault.TooLarge, "the folder of schemas %s has more than %d bytes", dir, maxFolderBytes)
		}
		f.take(at, name, text, err)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the folder of schemas: %w", err)
	}
	slices.Sort(f.paths)
	return f, nil
}

// pathOfFile returns the path of a file, ok is false for what is no schema by its name.
func pathOfFile(name string) (at string, ok bool) {
	switch ext := path.Ext(name); ext {
	case ".json", ".yaml", ".yml":
		at = "/" + strings.TrimSuffix(name, ext)
		return at, len(at) <= maxPath
	default:
		return "", false
	}
}

func (f *folder) has(at string) bool {
	_, doc := f.docs[at]
	_, broken := f.broken[at]
	return doc || broken
}

func (f *folder) take(at, name string, text []byte, err error) {
	var doc any
	switch {
	case err != nil:
	case path.Ext(name) == ".json":
		doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	default:
		doc, err = readYAML(text)
	}
	f.paths = append(f.paths, at)
	if err != nil {
		f.broken[at] = fmt.Errorf("%s: %w", name, err)
		return
	}
	f.docs[at] = doc
}

// readFile reads a file of a bounded size. A symbolic link is followed within the root.
func readFile(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no file")
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("has more than %d bytes", maxFileBytes)
	}
	return text, err
}

// Load implements jsonschema.URLLoader.
func (f *folder) Load(location string) (any, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	if u.Scheme+"://"+u.Host != base {
		return nil, errNoFile
	}
	at := pathOf(u.Path)
	if err := f.broken[at]; err != nil {
		return nil, err
	}
	doc, ok := f.docs[at]
	if !ok {
		return nil, errNoFile
	}
	return doc, nil
}

// pathOf returns the path that a $schema, or a stream's schema, names; "" when it names a place
// elsewhere. The ending of a file may be written or left out.
func pathOf(s string) string {
	s, _, _ = strings.Cut(s, "#")
	if s == "" || len(s) > 2*maxPath || strings.Contains(s, "://") {
		return ""
	}
	s = path.Clean("/" + s)
	if at, ok := pathOfFile(s[1:]); ok {
		return at
	}
	return s
}
