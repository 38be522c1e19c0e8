package migrate

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"auwai/internal/fault"
	"auwai/internal/phpvalue"
)

// RedisOptions say where the queue of JobQueueRedis is.
type RedisOptions struct {
	// Address is host:port, or the absolute path of a socket. Required.
	Address  string
	Password string
	Database int
	// Wiki is the wiki whose jobs are read; "": all.
	Wiki string
	// Twins as in TableOptions.
	Twins []string
}

// Redis is a source of the queues that MediaWiki's JobQueueRedis keeps. It only reads. Nobody may run or
// push jobs there meanwhile: what moves may be missed.
type Redis struct {
	client  *redis.Client
	options RedisOptions
	queues  int // found
	done    int
}

const (
	redisTimeout = 30 * time.Second // of one command: a list of millions of ids takes a while
	redisPage    = 500              // jobs of one HMGET
	redisScan    = 1_000            // keys that one SCAN looks at
	mostDeflated = 32 << 20         // bytes of one job
)

// NewRedis returns the source. It does no I/O.
func NewRedis(o RedisOptions) (*Redis, error) {
	network := "tcp"
	switch {
	case strings.HasPrefix(o.Address, "/"):
		network = "unix"
	case !strings.Contains(o.Address, ":"):
		return nil, fault.Field("redis", "%q is no address; write it as 127.0.0.1:6379, or as the absolute path of a socket", o.Address)
	}
	return &Redis{options: o, client: redis.NewClient(&redis.Options{
		Network: network, Addr: o.Address, Password: o.Password, DB: o.Database, Protocol: 2, DisableIdentity: true,
		PoolSize: 1, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}, nil
}

// Close closes the connection.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("close the connection to Redis: %w", err)
	}
	return nil
}

// Share counts queues: how long each is, is not known before.
func (r *Redis) Share() float64 {
	if r.queues == 0 {
		return -1
	}
	return float64(r.done) / float64(r.queues)
}

// redisQueue is one queue of one wiki.
type redisQueue struct{ wiki, kind string }

// key returns the key of a part of the queue, as JobQueueRedis::getQueueKey.
func (q redisQueue) key(part string) string {
	parts := []string{q.wiki, "jobqueue", q.kind, part}
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(p), "+", "%20")
	}
	return strings.Join(parts, ":")
}

// parseQueue reads the key of a queue's data.
func parseQueue(key string) (q redisQueue, ok bool) {
	parts := strings.Split(key, ":")
	if len(parts) != 4 || parts[1] != "jobqueue" || parts[3] != "h-data" {
		return q, false
	}
	wiki, err := url.PathUnescape(parts[0])
	kind, err2 := url.PathUnescape(parts[2])
	return redisQueue{wiki, kind}, err == nil && err2 == nil && wiki != "" && kind != ""
}

// Items yields the jobs of one queue after the other: ready, delayed, claimed, abandoned.
func (r *Redis) Items(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		queues, err := r.list(ctx)
		if err != nil {
			yield(Item{}, err)
			return
		}
		r.queues = len(queues)
		for _, q := range queues {
			if !r.queue(ctx, q, yield) {
				return
			}
			r.done++
		}
	}
}

// list finds the queues by their data: the set of queues with jobs leaves out those that have only
// abandoned ones.
func (r *Redis) list(ctx context.Context) ([]redisQueue, error) {
	pattern := "*:jobqueue:*:h-data"
	if r.options.Wiki != "" {
		wiki, _, _ := strings.Cut(redisQueue{wiki: r.options.Wiki}.key(""), ":")
		pattern = wiki + ":jobqueue:*:h-data"
	}
	var queues []redisQueue
	scan := r.client.Scan(ctx, 0, pattern, redisScan).Iterator()
	for scan.Next(ctx) {
		if q, ok := parseQueue(scan.Val()); ok {
			queues = append(queues, q)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("look for queues in Redis: %w", err)
	}
	slices.SortFunc(queues, func(a, b redisQueue) int {
		return strings.Compare(a.wiki+"\x00"+a.kind, b.wiki+"\x00"+b.kind)
	})
	return slices.Compact(queues), nil // SCAN may name a key twice
}

// place is the id of a job in one of a queue's lists.
type redisPlace struct {
	id      string
	state   State
	release time.Time
}

// queue yields the jobs of one queue; false when no more are wanted.
func (r *Redis) queue(ctx context.Context, q redisQueue, yield func(Item, error) bool) bool {
	places, err := r.places(ctx, q)
	if err != nil {
		yield(Item{}, err)
		return false
	}
	for page := range slices.Chunk(places, redisPage) {
		ids := make([]string, len(page))
		for i, p := range page {
			ids[i] = p.id
		}
		values, err := r.client.HMGet(ctx, q.key("h-data"), ids...).Result()
		if err != nil {
			yield(Item{}, fmt.Errorf("read %s: %w", q.key("h-data"), err))
			return false
		}
		for i, v := range values {
			item, err := r.item(q, page[i], v)
			if !yield(item, err) {
				return false
			}
		}
	}
	return true
}

// places returns the ids of a queue's jobs, the oldest first.
func (r *Redis) places(ctx context.Context, q redisQueue) ([]redisPlace, error) {
	var places []redisPlace
	ready, err := r.client.LRange(ctx, q.key("l-unclaimed"), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", q.key("l-unclaimed"), err)
	}
	for _, id := range slices.Backward(ready) { // pushed to the left, popped from the right
		places = append(places, redisPlace{id: id, state: Waiting})
	}
	for _, set := range []struct {
		part  string
		state State
	}{{"z-delayed", Delayed}, {"z-claimed", Claimed}, {"z-abandoned", Abandoned}} {
		entries, err := r.client.ZRangeWithScores(ctx, q.key(set.part), 0, -1).Result()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", q.key(set.part), err)
		}
		for _, e := range entries {
			p := redisPlace{state: set.state}
			p.id, _ = e.Member.(string)
			if set.state == Delayed {
				p.release = time.UnixMilli(int64(e.Score * 1e3)).UTC()
			}
			places = append(places, p)
		}
	}
	return places, nil
}

// item makes an item of a value of h-data.
func (r *Redis) item(q redisQueue, p redisPlace, value any) (Item, error) {
	where := q.key("h-data") + " " + p.id
	text, ok := value.(string)
	if !ok {
		return Item{}, &BadError{where, "the job's id is in a list, but its data is gone: it has just ended"}
	}
	fields, err := redisFields([]byte(text))
	if err != nil {
		return Item{}, &BadError{where, err.Error()}
	}
	get := func(name string) string {
		v, _ := fields.Get(name)
		s, _ := scalar(v)
		return s
	}
	v, _ := fields.Get("params")
	params, ok := v.(*phpvalue.Array)
	if !ok {
		return Item{}, &BadError{where, "the job's params are " + phpvalue.Kind(v) + "; an array is expected"}
	}
	j := mwJob{
		source: fromRedis, wiki: q.wiki, id: p.id, stamp: normal(get("timestamp")), kind: get("type"), title: get("title"),
		params: params, release: p.release, state: p.state, where: where,
	}
	if j.kind == "" {
		return Item{}, &BadError{where, "the job has no type"}
	}
	if ns, _ := fields.Get("namespace"); ns != nil {
		j.namespace, _ = ns.(int64)
	}
	// The queue itself says whether the job takes part in de-duplication.
	j.twins = twinsOf(j.kind, params, append([]string{j.kind}, r.options.Twins...))
	j.twins.none = get("sha1") == ""
	return j.item()
}

// redisFields reads a job's data: a serialised array, or an object that holds it compressed.
func redisFields(data []byte) (*phpvalue.Array, error) {
	envelope, ok, err := phpvalue.UnserializeObject(data)
	if err != nil {
		return nil, err
	}
	if ok {
		if data, err = inflate(envelope); err != nil {
			return nil, err
		}
	}
	v, err := phpvalue.Unserialize(data)
	if err != nil {
		return nil, err
	}
	fields, ok := v.(*phpvalue.Array)
	if !ok {
		return nil, fmt.Errorf("the job is %s; an array is expected", phpvalue.Kind(v))
	}
	return fields, nil
}

// inflate reads the object of JobQueueRedis::serialize: "gzip" there is raw deflate.
func inflate(envelope *phpvalue.Array) ([]byte, error) {
	encoding, _ := envelope.Get("enc")
	blob, _ := envelope.Get("blob")
	text, ok := blob.(string)
	if encoding != "gzip" || !ok {
		return nil, fmt.Errorf("the job is compressed as %.40q; gzip is expected", encoding)
	}
	in := flate.NewReader(strings.NewReader(text))
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(in, mostDeflated+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the compressed job cannot be read: %w", err)
	case n > mostDeflated:
		return nil, errors.New("the compressed job is too large")
	}
	return out.Bytes(), nil
}
