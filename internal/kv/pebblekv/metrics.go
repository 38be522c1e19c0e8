package pebblekv

// Metrics are the figures of a store since it was opened, for telemetry and benchmarks.
type Metrics struct {
	LogSyncs      int64  // syncs of the log: what durable commits share
	Syncs         int64  // all syncs: log, tables, manifest, directories
	LogBytes      int64  // bytes written to the log
	TableBytes    int64  // bytes written to all other files: flushes and compactions
	DiskBytes     uint64 // size of the store's files now, recycled logs included
	MemTableBytes uint64 // memory of the tables that are not on disk yet
	CacheBytes    int64  // memory of the block cache
	Tables        int64  // tables on disk
	L0Sublevels   int    // depth of what is not sorted yet; writes stall at 24
	Flushes       int64
	Compactions   int64
	Debt          uint64 // bytes that compaction still has to rewrite
	Snapshots     int    // open snapshots; they keep freed space
}

// Metrics returns the figures; all are zero once the engine is closed.
func (e *Engine) Metrics() Metrics {
	e.life.RLock()
	defer e.life.RUnlock()
	if e.closed {
		return Metrics{}
	}
	m := e.db.Metrics()
	return Metrics{
		LogSyncs:      e.disk.logSyncs.Load(),
		Syncs:         e.disk.syncs.Load(),
		LogBytes:      e.disk.logBytes.Load(),
		TableBytes:    e.disk.otherBytes.Load(),
		DiskBytes:     m.DiskSpaceUsage(),
		MemTableBytes: m.MemTable.Size + m.MemTable.ZombieSize,
		CacheBytes:    m.BlockCache.Size,
		Tables:        m.Total().TablesCount,
		L0Sublevels:   int(m.Levels[0].Sublevels),
		Flushes:       m.Flush.Count,
		Compactions:   m.Compact.Count,
		Debt:          m.Compact.EstimatedDebt,
		Snapshots:     m.Snapshots.Count,
	}
}
