package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching"
)

// shortKey is how many characters of a key are shown.
const shortKey = 10

// listCommand is tripper cache ls.
func listCommand(ctx context.Context, c *console, args []string) error {
	var o cacheOptions
	cmd := &command{name: "cache ls", args: "STORE [URL]", about: `Lists the responses that are stored, or those whose URL begins with URL, one a
line and in no order: how old each is (AGE), for how much longer it is fresh
(FRESH, negative since it went stale), its status, the size of its body, the
beginning of its key, and its URL. The users and the variants of one URL have a
line each.
`}
	f := cmd.group("Options:")
	o.revealFlag(f, "queries of URLs")
	o.storeFlags(f)
	rest, _, err := cmd.parse(c, args)
	if err != nil {
		return err
	}
	if err := cmd.wants(rest, 1, 2); err != nil {
		return err
	}
	prefix := ""
	if len(rest) == 2 {
		t, err := parseTarget(rest[1])
		if err != nil {
			return err
		}
		prefix = storedURL(t.url)
	}
	cache, st, done, err := o.look(ctx, c, rest[0])
	if err != nil {
		return err
	}
	defer done()
	now, n := time.Now(), 0
	for s, err := range cache.All(ctx) {
		if err != nil {
			return storeFailure(err)
		}
		if !strings.HasPrefix(s.URL, prefix) {
			continue
		}
		if n++; n == 1 {
			c.print("%s\n", fit(listLine("AGE", "FRESH", "STATUS", "SIZE", "KEY", "URL"), c.width()))
		}
		if c.print("%s\n", fit(o.listEntry(s, now), c.width())); c.failed != nil {
			return nil
		}
	}
	if n == 0 {
		c.warn("nothing is stored")
	}
	warnUnreadable(c, st)
	return nil
}

func (o *cacheOptions) listEntry(s caching.Stored, now time.Time) string {
	return listLine(timeOf(now.Sub(s.Received)), timeOf(s.FreshUntil.Sub(now)), fmt.Sprint(s.Status), bytesOf(s.Size), "@"+s.Key[:min(len(s.Key), shortKey)], o.showURL(s.URL))
}

func listLine(age, fresh, status, size, key, url string) string {
	return fmt.Sprintf("%5s %6s %6s %9s  %-*s  %s", age, fresh, status, size, shortKey+1, key, url)
}

// fit cuts a line to the columns of a terminal. width is zero if there is none.
func fit(line string, width int) string {
	if width <= 0 {
		return line
	}
	return shorten(line, width)
}
