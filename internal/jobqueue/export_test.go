package jobqueue

// EncodeJob is encodeJob.
func EncodeJob(j *Job) []byte { return encodeJob(j) }
