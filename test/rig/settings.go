package rig

import (
	"embed"
	"fmt"
	"os"
	"strings"
)

// assets are the farm's PHP and VCL; each says in its head what it does.
//
//go:embed assets
var assets embed.FS

// writeAsset writes an asset to a file, with @NAME@ replaced by the value of NAME.
func writeAsset(name, file string, values map[string]string) error {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		return fmt.Errorf("asset: %w", err)
	}
	pairs := make([]string, 0, 2*len(values))
	for key, value := range values {
		pairs = append(pairs, "@"+key+"@", value)
	}
	return os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o644)
}
