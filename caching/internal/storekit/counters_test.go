package storekit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

func TestCounters(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for _, row := range []struct {
		why  string
		call func(*Counters)
		want store.Stats
	}{
		{"an entry", func(c *Counters) { c.Got(&store.Entry{}, nil) }, store.Stats{Hits: 1}},
		{"none", func(c *Counters) { c.Got(nil, nil) }, store.Stats{Misses: 1}},
		{"a broken entry is a miss", func(c *Counters) { c.Got(nil, fmt.Errorf("a: %w", store.ErrCorrupt)) }, store.Stats{Misses: 1}},
		{"it is not known whether there is one", func(c *Counters) { c.Got(nil, down) }, store.Stats{Failures: 1}},
		{"nobody wants to know", func(c *Counters) { c.Got(nil, context.Canceled) }, store.Stats{}},
		{"the Store is slow", func(c *Counters) { c.Got(nil, context.DeadlineExceeded) }, store.Stats{Failures: 1}},
		{"stored", func(c *Counters) { c.Committed(nil) }, store.Stats{Stored: 1}},
		{"not stored", func(c *Counters) { c.Committed(down) }, store.Stats{Failures: 1}},
		{"another was faster", func(c *Counters) { c.Committed(store.ErrConflict) }, store.Stats{}},
		{"too large", func(c *Counters) { c.Did(fmt.Errorf("a: %w", store.ErrTooLarge)) }, store.Stats{Refused: 1}},
	} {
		var c Counters
		row.call(&c)
		row.want.Entries, row.want.Bytes = -1, -1
		if got := c.Stats(); got != row.want {
			t.Errorf("%s: %+v, not %+v", row.why, got, row.want)
		}
	}
}
