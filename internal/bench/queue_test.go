package bench_test

import (
	"strings"
	"testing"

	"auwai/internal/bench"
)

func TestEveryPhaseHandlesEveryJob(t *testing.T) {
	var out strings.Builder
	res, err := bench.Queue(t.Context(), bench.QueueOptions{
		Jobs: 2_000, Batch: 10, Producers: 4, Consumers: 4, Payload: 100, Sync: "relaxed", Dir: t.TempDir(),
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if res.JobsPerSecond <= 0 || res.DrainPerSecond <= 0 || res.EnqueuePerSecond <= 0 || res.Ratio <= 0 {
		t.Errorf("a figure is missing: %s", res.Line())
	}
	if !strings.HasSuffix(out.String(), res.Line()+"\n") {
		t.Errorf("the last line is not the result:\n%s", out.String())
	}
}
