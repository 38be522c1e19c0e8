package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/client"
	"auwai/internal/farm"
)

// scopeFlags name what a control holds for.
type scopeFlags struct {
	wiki, tag string
	all       bool
}

func (f *scopeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.wiki, "wiki", "", "of this wiki")
	c.Flags().StringVar(&f.tag, "tag", "", "all wikis with this tag, as name=value")
	c.Flags().BoolVar(&f.all, "all", false, "everything")
}

// scope returns what the flags and the queue, "" for none, name together.
func (f *scopeFlags) scope(queue string) (farm.Scope, error) {
	named := 0
	for _, on := range []bool{f.all, f.tag != "", queue != "" || f.wiki != ""} {
		if on {
			named++
		}
	}
	text := "all"
	switch {
	case named == 0:
		return farm.Scope{}, usage("name what it is for: a queue, --wiki, --tag, or --all")
	case named > 1:
		return farm.Scope{}, usage("--all, --tag and a queue or wiki exclude each other")
	case f.tag != "":
		text = "tag:" + f.tag
	case queue != "" && f.wiki != "":
		text = "pair:" + queue + "@" + f.wiki
	case queue != "":
		text = "queue:" + queue
	case f.wiki != "":
		text = "wiki:" + f.wiki
	}
	s, err := farm.ParseScope(text)
	if err != nil {
		return s, usage("%s", err)
	}
	return s, nil
}

// by says who changes something: the name of the user who runs this program.
func by() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

func (a *app) queuesPause() *cobra.Command {
	var f scopeFlags
	var reason, pause string
	c := a.withServer(&cobra.Command{
		Use:   "pause [QUEUE]",
		Short: "Start nothing of a queue, a wiki, a tag or everything",
		Long: `Start nothing of a queue, a wiki, a queue of a wiki, all wikis with a tag, or everything. Work is taken
as before and waits; what runs already goes on. The pause outlives a restart.`,
		Example: `  auwai queues pause refreshLinks --reason "database s1 is slow" --for 2h
  auwai queues pause refreshLinks --wiki aawiki
  auwai queues pause --tag db=s1
  auwai queues pause --all`,
		Args: args(0, 1, "a queue"),
		RunE: func(c *cobra.Command, names []string) error {
			scope, err := f.scope(first(names))
			if err != nil {
				return err
			}
			yes := true
			return a.change(c.Context(), scope, api.ControlChange{Paused: &yes, Reason: &reason, For: pause, By: by()})
		},
	})
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, shown wherever something waits for it")
	c.Flags().StringVar(&pause, "for", "", "how long, such as 2h; it ends by itself then (default: until it is resumed)")
	return c
}

func first(names []string) string {
	if len(names) > 0 {
		return names[0]
	}
	return ""
}

func (a *app) queuesResume() *cobra.Command {
	var f scopeFlags
	c := a.withServer(&cobra.Command{
		Use:   "resume [QUEUE]",
		Short: "End a pause",
		Long:  "End a pause of the same queue, wiki, tag or everything. Other pauses that hold for the same work stay; auwai queues controls lists them.",
		Example: `  auwai queues resume refreshLinks
  auwai queues resume --all`,
		Args: args(0, 1, "a queue"),
		RunE: func(c *cobra.Command, names []string) error {
			scope, err := f.scope(first(names))
			if err != nil {
				return err
			}
			no := false
			return a.change(c.Context(), scope, api.ControlChange{Paused: &no, By: by()})
		},
	})
	f.add(c)
	return c
}

func (a *app) queuesSet() *cobra.Command {
	var f scopeFlags
	names := make([]string, 0)
	for _, s := range farm.Settings() {
		names = append(names, s.Name)
	}
	c := a.withServer(&cobra.Command{
		Use:   "set [QUEUE] SETTING=VALUE…",
		Short: "Change limits of a queue, a wiki or a tag while the service runs",
		Long: `Change settings of a queue, a wiki, a queue of a wiki, a tag, or (concurrency) everything, over what the
configuration says. What runs goes on; what starts after it starts by the new value. SETTING= without a
value takes the change back. Changes outlive a restart. "default" holds for queues that are not named.

Settings: ` + strings.Join(names, ", ") + `.`,
		Example: `  auwai queues set refreshLinks concurrency=8 rate=50
  auwai queues set refreshLinks --wiki aawiki concurrency=2
  auwai queues set --tag db=s1 concurrency=20
  auwai queues set refreshLinks concurrency=`,
		Args: args(1, len(names)+1, "settings as name=value"),
		RunE: func(c *cobra.Command, words []string) error {
			queue := ""
			if !strings.Contains(words[0], "=") {
				queue, words = words[0], words[1:]
			}
			scope, err := f.scope(queue)
			if err != nil {
				return err
			}
			set, err := readSettings(words, scope)
			if err != nil {
				return err
			}
			return a.change(c.Context(), scope, api.ControlChange{Set: set, By: by()})
		},
	})
	f.add(c)
	return c
}

func readSettings(words []string, scope farm.Scope) (map[string]json.RawMessage, error) {
	set := map[string]json.RawMessage{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return nil, usage("%q is no setting; write it as name=value", w)
		}
		if _, err := farm.SettingOf(name, scope); err != nil {
			return nil, usage("%s", strings.TrimPrefix(err.Error(), "set."))
		}
		if value == "" {
			set[name] = json.RawMessage("null")
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
		set[name] = text
	}
	if len(set) == 0 {
		return nil, usage("name a setting, as in concurrency=8")
	}
	return set, nil
}

// change sends a change and shows the control after it.
func (a *app) change(ctx context.Context, scope farm.Scope, change api.ControlChange) error {
	service, err := a.connect()
	if err != nil {
		return err
	}
	defer service.Close()
	control, err := service.SetControl(ctx, scope.String(), change)
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(control)
	}
	fmt.Fprintln(a.stdout, controlWords(&control))
	return nil
}

// controlWords says in one line what is controlled.
func controlWords(c *api.Control) string {
	var parts []string
	if c.Paused {
		p := "paused"
		if c.Until != nil {
			p += " until " + c.Until.Format(time.RFC3339)
		}
		if c.Reason != "" {
			p += " (" + oneLine(c.Reason, mostWords) + ")"
		}
		parts = append(parts, p)
	}
	if set := settingWords(c.Set); set != "" {
		parts = append(parts, set)
	}
	if len(parts) == 0 {
		return c.Scope + ": as the configuration says"
	}
	return c.Scope + ": " + strings.Join(parts, ", ")
}

func settingWords(set map[string]string) string {
	words := make([]string, 0, len(set))
	for name, value := range set {
		words = append(words, name+"="+value)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func (a *app) queuesControls() *cobra.Command {
	return a.withServer(&cobra.Command{
		Use:     "controls",
		Short:   "List what is paused or set at run time",
		Long:    "List the pauses and settings that hold over what the configuration says, with who changed them last and when.",
		Example: "  auwai queues controls --json",
		Args:    args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := a.listControls(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(list)
			}
			a.showControls(list)
			return nil
		},
	})
}

// listControls asks the service what is controlled at run time.
func (a *app) listControls(ctx context.Context) (api.ControlList, error) {
	service, err := a.connect()
	if err != nil {
		return api.ControlList{}, err
	}
	defer service.Close()
	return service.Controls(ctx)
}

func (a *app) showControls(list api.ControlList) {
	if len(list.Entries) == 0 {
		fmt.Fprintln(a.stdout, "Nothing is paused or set; everything is as the configuration says.")
		return
	}
	rows := make([][]string, len(list.Entries))
	for i := range list.Entries {
		e := &list.Entries[i]
		paused, until, since := "", "", ""
		if e.Paused {
			paused = "paused"
		}
		if e.Until != nil {
			until = e.Until.Format(time.RFC3339)
		}
		if e.Since != nil {
			since = age(max(a.now().Sub(*e.Since), 0))
		}
		rows[i] = []string{e.Scope, paused, until, settingWords(e.Set), oneLine(e.By, 30), since, oneLine(e.Reason, mostWords)}
	}
	table(a.stdout, []column{
		{"SCOPE", false}, {"STATE", false}, {"UNTIL", false}, {"SET", false}, {"BY", false}, {"AGE", true}, {"REASON", false},
	}, rows)
}

func (a *app) maintenance() *cobra.Command {
	return noun("maintenance", "Take work and run none", a.maintenanceSet(true), a.maintenanceSet(false), a.maintenanceStatus())
}

func (a *app) maintenanceSet(on bool) *cobra.Command {
	var reason, pause string
	c := &cobra.Command{
		Use: "on", Short: "Take work and run none, until it is switched off",
		Long:    "Take work and run none. What runs goes on to its end; auwai queues drain --all waits for it. Maintenance outlives a restart.",
		Example: `  auwai maintenance on --reason "moving the databases" --for 2h`,
	}
	if !on {
		c = &cobra.Command{Use: "off", Short: "Run work again", Example: "  auwai maintenance off"}
	}
	c.Args = args(0, 0, "")
	c.RunE = func(c *cobra.Command, _ []string) error {
		change := api.ControlChange{Paused: &on, By: by()}
		if on {
			change.Reason, change.For = &reason, pause
		}
		return a.change(c.Context(), farm.Scope{Kind: farm.ScopeMaintenance}, change)
	}
	if on {
		c.Flags().StringVar(&reason, "reason", "", "why, shown wherever something waits for it")
		c.Flags().StringVar(&pause, "for", "", "how long, such as 2h (default: until it is switched off)")
	}
	return a.withServer(c)
}

func (a *app) maintenanceStatus() *cobra.Command {
	return a.withServer(&cobra.Command{
		Use: "status", Short: "Whether work is run", Example: "  auwai maintenance status --json", Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := a.listControls(c.Context())
			if err != nil {
				return err
			}
			control := api.Control{Scope: "maintenance"}
			for i := range list.Entries {
				if list.Entries[i].Scope == control.Scope {
					control = list.Entries[i]
				}
			}
			if a.json {
				return a.writeJSON(control)
			}
			if !control.Paused {
				fmt.Fprintln(a.stdout, "No maintenance: work is run.")
				return nil
			}
			fmt.Fprintln(a.stdout, controlWords(&control))
			return nil
		},
	})
}

func (a *app) queuesDrain() *cobra.Command {
	var f scopeFlags
	var reason string
	var limit time.Duration
	c := a.withServer(&cobra.Command{
		Use:   "drain [QUEUE]",
		Short: "Pause, and wait until nothing of it runs",
		Long: `Pause a queue, a wiki, a tag or everything, and wait until nothing of it runs. The pause stays; auwai
queues resume ends it.`,
		Example: `  auwai queues drain --wiki aawiki --reason "the wiki moves"
  auwai queues drain --all --timeout 10m`,
		Args: args(0, 1, "a queue"),
		RunE: func(c *cobra.Command, names []string) error {
			scope, err := f.scope(first(names))
			if err != nil {
				return err
			}
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			yes := true
			if _, err := service.SetControl(c.Context(), scope.String(), api.ControlChange{Paused: &yes, Reason: &reason, By: by()}); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(c.Context())
			if limit > 0 {
				ctx, cancel = context.WithTimeout(c.Context(), limit)
			}
			defer cancel()
			return a.drained(ctx, service, scope)
		},
	})
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, shown wherever something waits for it")
	c.Flags().DurationVar(&limit, "timeout", 0, "how long to wait at most; the pause stays (default: as long as it takes)")
	return c
}

// drainEvery is how often it is looked whether something runs.
const drainEvery = 500 * time.Millisecond

func (a *app) drained(ctx context.Context, service *client.Client, scope farm.Scope) error {
	started := a.now()
	shown := int64(-1)
	for {
		running, err := runningIn(ctx, service, scope)
		if ctx.Err() != nil {
			return fmt.Errorf("%d attempts still run; the pause stays", max(shown, 0))
		}
		if err != nil {
			return err
		}
		if running != shown && !a.json {
			fmt.Fprintf(a.stderr, "%d running\n", running)
		}
		shown = running
		if running == 0 {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(drainEvery):
		}
	}
	took := a.now().Sub(started)
	if a.json {
		return a.writeJSON(map[string]any{"scope": scope.String(), "drained": true, "took_s": took.Seconds()})
	}
	fmt.Fprintf(a.stdout, "%s: paused, and nothing runs\n", scope)
	return nil
}

// runningIn counts the jobs of a scope that run. Rows of a tag are known by the reason of its pause.
func runningIn(ctx context.Context, service *client.Client, scope farm.Scope) (n int64, err error) {
	for q, err := range service.AllQueues(ctx, client.QueueFilter{Queue: scope.Queue, Wiki: scope.Wiki, Limit: pageSize}) {
		if err != nil {
			return 0, err
		}
		if scope.Kind != farm.ScopeTag || strings.Contains(q.Held, scope.Tag) {
			n += q.Running
		}
	}
	return n, nil
}
