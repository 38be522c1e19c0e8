package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSchemasAreReadWithTheFileAndWatched(t *testing.T) {
	c := load(t, "schemas: {folder: s, streams: {demo: {schema: /demo/1.0.0, required: true}}}\n", map[string]string{
		"s/demo/1.0.0.json": `{"required": ["name"]}`, "s/broken.yaml": "type: 7\n", "s/README.md": "x",
	})
	dir := filepath.Dir(c.File)
	if c.Schemas.Folder != filepath.Join(dir, "s") || c.Schemas.Set.Len() != 1 {
		t.Errorf("schemas %+v", c.Schemas)
	}
	s := c.Summary()
	if s.Schemas != 1 || !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "the schema /broken cannot be used") }) {
		t.Errorf("the summary is %+v", s)
	}
	for _, name := range []string{"s", "s/demo", "s/demo/1.0.0.json", "s/broken.yaml"} {
		if !slices.Contains(c.Files, filepath.Join(dir, name)) {
			t.Errorf("%s is not watched: %v", name, c.Files)
		}
	}
}

func TestAFolderWithoutSchemasIsWarnedOf(t *testing.T) {
	c := load(t, "schemas: {folder: .}\n", map[string]string{"README.md": "x"})
	if w := strings.Join(c.Summary().Warnings, "\n"); !strings.Contains(w, "no file ends in .json, .yaml or .yml") && c.Schemas.Set.Len() == 0 {
		t.Errorf("warnings %s", w)
	}
}
