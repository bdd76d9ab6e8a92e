package roundtrip

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(context.Background(), d)
			t.Cleanup(cancel)
			return ctx
		}
		forever := context.Background()
		gone := func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx
		}
		for _, row := range []struct {
			why     string
			waiting []context.Context
			below   context.Context
			want    time.Duration // 0: none
		}{
			{"nobody waits", nil, forever, 0},
			{"one who waits", []context.Context{in(2 * time.Second)}, forever, 2 * time.Second},
			{"the latest of those who wait", []context.Context{in(2 * time.Second), in(5 * time.Second), in(time.Second)}, forever, 5 * time.Second},
			{"one who waits for ever", []context.Context{in(2 * time.Second), forever, in(time.Second)}, forever, 0},
			{"the latest does not wait any more", []context.Context{gone(in(5 * time.Second)), in(2 * time.Second)}, forever, 2 * time.Second},
			{"nor does one who would have waited for ever", []context.Context{gone(forever), in(time.Second), gone(forever)}, forever, time.Second},
			{"nobody waits any more", []context.Context{gone(in(time.Second))}, forever, 0},
			{"the context's own comes first", []context.Context{in(5 * time.Second)}, in(time.Second), time.Second},
			{"the context's own comes last", []context.Context{in(time.Second)}, in(5 * time.Second), time.Second},
		} {
			d := new(Deadline)
			ctx := WithDeadline(row.below, d)
			for _, w := range row.waiting {
				d.Extend(w)
			}
			at, ok := DeadlineOf(ctx)
			if ok != (row.want != 0) || ok && time.Until(at) != row.want {
				t.Errorf("%s: %v, %v, want %v", row.why, time.Until(at), ok, row.want)
			}
			outer := new(Deadline)
			outer.Extend(ctx)
			if at2, ok2 := DeadlineOf(WithDeadline(forever, outer)); len(row.waiting) > 0 && (ok2 != ok || !at2.Equal(at)) {
				t.Errorf("%s: through a second layer that detaches: %v, %v", row.why, at2, ok2)
			}
			if _, ok := DeadlineOf(WithDeadline(WithDeadline(forever, d), nil)); ok {
				t.Errorf("%s: taken away, and still there", row.why)
			}
		}
	})
}
