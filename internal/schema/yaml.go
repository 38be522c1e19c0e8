package schema

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the values of a YAML file, so that aliases of aliases do not grow without end.
const maxNodes = 200_000

var errTooManyNodes = fmt.Errorf("has more than %d values", maxNodes)

// readYAML reads a YAML document as the JSON that it stands for: keys are strings, numbers keep their
// text, and what YAML alone knows (dates) is text.
func readYAML(text []byte) (any, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errors.New("is empty")
	}
	left := maxNodes
	return plain(doc.Content[0], &left)
}

func plain(n *yaml.Node, left *int) (any, error) {
	if *left--; *left < 0 {
		return nil, errTooManyNodes
	}
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias, left)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := plain(c, left)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return plainMap(n, left)
	case yaml.ScalarNode:
		return scalar(n)
	case yaml.DocumentNode:
		return nil, fmt.Errorf("line %d: a document within a document", n.Line)
	default:
		return nil, fmt.Errorf("line %d: a value is expected", n.Line)
	}
}

func plainMap(n *yaml.Node, left *int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return nil, fmt.Errorf("line %d: a key is expected to be text", key.Line)
		}
		if _, twice := m[key.Value]; twice {
			return nil, fmt.Errorf("line %d: the key %s comes twice", key.Line, key.Value)
		}
		v, err := plain(n.Content[i+1], left)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	return m, nil
}

func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value), nil
		}
		var f float64
		if err := n.Decode(&f); err != nil {
			return nil, err
		}
		text, err := json.Marshal(f) // 0x10, 1_000; not infinity
		return json.Number(text), err
	default:
		return n.Value, nil
	}
}
