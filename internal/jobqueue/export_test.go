package jobqueue

// EncodeJob is encodeJob.
func EncodeJob(j *Job) []byte { return encodeJob(j) }

// Noted is how many changes are remembered for scans under way.
func (m *Mem) Noted() int { return len(m.scans.order) }
