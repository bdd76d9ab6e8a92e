package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching"
)

// A count is how many responses there are of a kind, and the bytes of their bodies.
type count struct {
	n     int64
	bytes int64
}

func (c count) add(size int64) count { return count{c.n + 1, c.bytes + size} }

// maxHosts bounds the hosts that are counted apart.
const maxHosts = 10000

// A census counts what is stored.
type census struct {
	all, fresh, stale count
	statuses          map[int]count
	hosts             map[string]count
	others            count // of hosts beyond maxHosts
	oldest            time.Time
}

func (t *census) add(s caching.Stored, now time.Time) {
	if t.statuses == nil {
		t.statuses, t.hosts = make(map[int]count), make(map[string]count)
	}
	t.all = t.all.add(s.Size)
	if s.FreshUntil.After(now) {
		t.fresh = t.fresh.add(s.Size)
	} else {
		t.stale = t.stale.add(s.Size)
	}
	t.statuses[s.Status] = t.statuses[s.Status].add(s.Size)
	host := ""
	if u, err := url.Parse(s.URL); err == nil {
		host = u.Host
	}
	if h, known := t.hosts[host]; known || len(t.hosts) < maxHosts {
		t.hosts[host] = h.add(s.Size)
	} else {
		t.others = t.others.add(s.Size)
	}
	if t.oldest.IsZero() || s.Received.Before(t.oldest) {
		t.oldest = s.Received
	}
}

// statsCommand is tripper cache stats.
func statsCommand(ctx context.Context, c *console, args []string) error {
	var o cacheOptions
	cmd := &command{name: "cache stats", args: "STORE", about: `Counts the responses that are stored, and the bytes of their bodies: the fresh
and the stale ones, by status, and of the ten hosts that take most.
`}
	o.storeFlags(cmd.group("Options:"))
	rest, _, err := cmd.parse(c, args)
	if err != nil {
		return err
	}
	if err := cmd.wants(rest, 1, 1); err != nil {
		return err
	}
	cache, st, done, err := o.look(ctx, c, rest[0])
	if err != nil {
		return err
	}
	defer done()
	var t census
	now := time.Now()
	for s, err := range cache.All(ctx) {
		if err != nil {
			return storeFailure(err)
		}
		t.add(s, now)
	}
	text := t.text(now)
	if n := st.stats(); n.Bytes >= 0 {
		text += fmt.Sprintf("%-28s %9s\n", "taken of the disk", bytesOf(n.Bytes))
	}
	c.print("%s", text)
	warnUnreadable(c, st)
	return nil
}

func (t *census) text(now time.Time) string {
	var b strings.Builder
	line := func(name string, n count) {
		fmt.Fprintf(&b, "%-28s %9s %8d\n", shorten(name, 28), bytesOf(n.bytes), n.n)
	}
	fmt.Fprintf(&b, "%-28s %9s %8s\n", "", "SIZE", "COUNT")
	line("responses", t.all)
	line("  fresh", t.fresh)
	line("  stale", t.stale)
	for _, status := range slices.Sorted(maps.Keys(t.statuses)) {
		line(fmt.Sprintf("status %d", status), t.statuses[status])
	}
	hosts := slices.SortedFunc(maps.Keys(t.hosts), func(a, b string) int {
		if d := t.hosts[b].bytes - t.hosts[a].bytes; d != 0 {
			return int(min(max(d, -1), 1))
		}
		return strings.Compare(a, b)
	})
	rest := t.others
	for i, host := range hosts {
		if i < 10 {
			line("host "+host, t.hosts[host])
			continue
		}
		rest = count{rest.n + t.hosts[host].n, rest.bytes + t.hosts[host].bytes}
	}
	if rest.n > 0 {
		line("other hosts", rest)
	}
	if !t.oldest.IsZero() {
		fmt.Fprintf(&b, "%-28s %9s\n", "the oldest is stored since", timeOf(now.Sub(t.oldest)))
	}
	return b.String()
}
