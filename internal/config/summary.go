package config

import (
	"fmt"
	"maps"
	"slices"
)

// Summary is what "auwai check" shows of a configuration.
type Summary struct {
	File        string         `json:"file"`
	Listen      string         `json:"listen"`
	Data        string         `json:"data"`
	Access      string         `json:"access"` // who may do what, in words
	Concurrency int            `json:"concurrency"`
	Wikis       int            `json:"wikis"`
	Runners     map[string]int `json:"runners"` // wikis by runner
	Domains     int            `json:"domains"`
	Queues      []string       `json:"queues"` // those that are named
	Layers      int            `json:"layers"`
	Servers     int            `json:"servers"`
	Receivers   int            `json:"receivers"` // of HTCP
	PurgeWires  []string       `json:"purge_wires"`
	Rebound     string         `json:"rebound"`
	RCFeed      string         `json:"rcfeed_listen"` // "" for none
	Schemas     int            `json:"schemas"`       // that events are checked against
	Warnings    []string       `json:"warnings"`
}

// Summary sums c up. Warnings are what works and is worth a look.
func (c *Config) Summary() Summary {
	s := Summary{
		File: c.File, Listen: c.Listen, Data: c.Data, Access: c.Access.Words(), Concurrency: c.Concurrency,
		Wikis: len(c.Wikis), Runners: map[string]int{}, Domains: len(c.domains),
		Queues: slices.AppendSeq([]string{}, maps.Keys(c.Queues)), Layers: len(c.CDN.Layers),
		Rebound: plain(c.CDN.Rebound), RCFeed: c.RCFeedListen, Warnings: []string{}, Receivers: len(c.CDN.HTCP), PurgeWires: []string{},
	}
	if c.CDN.PurgeListen != "" {
		s.PurgeWires = append(s.PurgeWires, "PURGE on "+c.CDN.PurgeListen)
	}
	if c.CDN.HTCPListen != "" {
		s.PurgeWires = append(s.PurgeWires, "HTCP on "+c.CDN.HTCPListen)
	}
	slices.Sort(s.Queues)
	for _, w := range c.Wikis {
		s.Runners[w.Runner]++
	}
	for _, layer := range c.CDN.Layers {
		s.Servers += len(layer)
	}
	for _, file := range c.secretsForAll() {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s can be read by every user of this machine; chmod o-r %s", file, file))
	}
	s.Warnings = append(s.Warnings, c.accessWarnings()...)
	if len(c.Wikis) == 0 {
		s.Warnings = append(s.Warnings, "no wiki is configured: all jobs are kept and held")
	}
	if c.RCFeedListen != "" && s.Runners[RunnerSpecialRunJobs] == 0 {
		s.Warnings = append(s.Warnings, "rcfeed_listen has no effect: no wiki has the runner special-runjobs")
	}
	s.Warnings = append(s.Warnings, c.CDN.warnings()...)
	s.Warnings = append(s.Warnings, c.Schemas.warnings()...)
	if c.Schemas.Set != nil {
		s.Schemas = c.Schemas.Set.Len()
	}
	return s
}

// warnings is what has no effect.
func (c *CDN) warnings() (out []string) {
	if c.Purges() {
		return nil
	}
	if c.Rebound > 0 {
		out = append(out, "cdn.rebound has no effect without cdn.layers or cdn.htcp")
	}
	if c.PurgeListen != "" {
		out = append(out, "cdn.purge_listen takes purges that go nowhere; name the caches in cdn.layers or cdn.htcp")
	}
	if c.HTCPListen != "" {
		out = append(out, "cdn.htcp_listen takes purges that go nowhere; name the caches in cdn.layers or cdn.htcp")
	}
	return out
}
