package rig

import (
	"fmt"
	"strconv"
	"strings"
)

// SumMetric adds up all samples of a metric in Prometheus' text format whose labels contain each of
// the given pairs, written as `name="value"`. A metric without samples is 0.
func SumMetric(text, name string, pairs ...string) (float64, error) {
	sum := 0.0
lines:
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		labels := ""
		if rest[0] == '{' {
			end := strings.LastIndexByte(rest, '}')
			if end < 0 {
				return 0, fmt.Errorf("metric %s: no end of labels: %s", name, line)
			}
			labels, rest = rest[:end], rest[end+1:]
		}
		for _, pair := range pairs {
			if !strings.Contains(labels, pair) {
				continue lines
			}
		}
		value, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", name, err)
		}
		sum += value
	}
	return sum, nil
}
