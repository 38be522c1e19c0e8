package batchwire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"auwai/internal/runner"
)

// Part is a job as it goes into a request.
type Part struct {
	Index   int // in the jobs of the work
	Payload []byte
}

// Parts returns the jobs of a request: at most maxJobs, and of more than one at most maxBytes of
// payload. Those that cannot be sent at all are told to refuse, with the reason.
func Parts(jobs []runner.Item, maxJobs, maxBytes int, refuse func(index int, why string)) []Part {
	var parts []Part
	size := 0
	for i, job := range jobs {
		payload, why := payloadOf(job)
		if why != "" {
			refuse(i, why)
			continue
		}
		size += len(payload)
		if len(parts) == maxJobs || len(parts) > 0 && size > maxBytes {
			break
		}
		parts = append(parts, Part{Index: i, Payload: payload})
	}
	return parts
}

// payloadOf returns what the extension gets of a job, {"type", "params"} as they were received, or
// why that is not possible.
func payloadOf(job runner.Item) (payload []byte, why string) {
	if !job.FromEvent {
		if !json.Valid(job.Payload) {
			return nil, "the payload is not JSON, so it cannot be sent: push the job anew"
		}
		return job.Payload, ""
	}
	var event map[string]json.RawMessage
	if err := json.Unmarshal(job.Payload, &event); err != nil {
		return nil, "the event is not a JSON object, so it cannot be sent: " + err.Error()
	}
	for _, name := range []string{"type", "params"} {
		if event[name] == nil {
			return nil, "the event has no member " + name + ", so it is no job of MediaWiki"
		}
	}
	return slices.Concat([]byte(`{"type":`), event["type"], []byte(`,"params":`), event["params"], []byte(`}`)), ""
}

// Encode writes a request. maxTime is after how long the wiki starts no further job, in whole
// seconds. By hand, since encoding/json would compact the payloads.
func Encode(w runner.Work, parts []Part, maxTime time.Duration) ([]byte, error) {
	size := 64
	for _, p := range parts {
		size += len(p.Payload) + 128
	}
	body := append(make([]byte, 0, size), `{"fence":`...)
	body = strconv.AppendUint(body, w.Fence, 10)
	body = append(body, `,"jobs":[`...)
	for n, p := range parts {
		job := &w.Jobs[p.Index]
		id, err := json.Marshal(job.ID)
		if err != nil {
			return nil, fmt.Errorf("write the job's id: %w", err)
		}
		requestID, err := json.Marshal(job.RequestID)
		if err != nil {
			return nil, fmt.Errorf("write the request id: %w", err)
		}
		if n > 0 {
			body = append(body, ',')
		}
		body = append(append(body, `{"id":`...), id...)
		body = strconv.AppendInt(append(body, `,"attempt":`...), int64(job.Attempt), 10)
		body = append(append(body, `,"payload":`...), p.Payload...)
		body = append(append(body, `,"request_id":`...), requestID...)
		if text := job.CauseText(); text != "" {
			cause, err := json.Marshal(text)
			if err != nil {
				return nil, fmt.Errorf("write the cause: %w", err)
			}
			body = append(append(body, `,"cause":`...), cause...)
		}
		body = append(body, '}')
	}
	body = append(body, `],"max_time_s":`...)
	body = strconv.AppendInt(body, int64(maxTime/time.Second), 10)
	return append(body, '}'), nil
}

// MaxTime is how long the wiki starts further jobs: half of the time-out at most, so that the last
// one has time to end, and at least a second.
func MaxTime(batchTime, timeout time.Duration) time.Duration {
	if timeout > 0 {
		batchTime = min(batchTime, timeout/2)
	}
	return max(batchTime, time.Second)
}
