package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

func TestBreaker(t *testing.T) {
	const s = time.Second
	type step struct {
		at   time.Duration
		what string // fail, straggler, succeed, ask
		want bool   // of ask
	}
	for _, row := range []struct {
		name, why string
		steps     []step
	}{
		{"two", "two failures may be chance", []step{{0, "fail", false}, {0, "fail", false}, {0, "ask", true}}},
		{"three", "three in a row are not", []step{{0, "fail", false}, {0, "fail", false}, {0, "fail", false}, {0, "ask", false}, {s - 1, "ask", false}}},
		{"not in a row", "a success between them", []step{{0, "fail", false}, {0, "fail", false}, {0, "succeed", false}, {0, "fail", false}, {0, "fail", false}, {0, "ask", true}}},
		{"one asks", "after the pause one request asks, the others wait for what comes of it", []step{
			{0, "fail", false}, {0, "fail", false}, {0, "fail", false}, {s, "ask", true}, {s, "ask", false}, {2 * s, "ask", true},
		}},
		{"grows", "twice as long after each failure", []step{
			{0, "fail", false},
			{0, "fail", false},
			{0, "fail", false},
			{s, "ask", true},
			{s, "fail", false},
			{3*s - 1, "ask", false},
			{3 * s, "ask", true},
			{3 * s, "fail", false},
			{7*s - 1, "ask", false},
			{7 * s, "ask", true},
		}},
		{"ends", "one success ends it", []step{
			{0, "fail", false}, {0, "fail", false}, {0, "fail", false}, {s, "ask", true}, {s, "succeed", false}, {s, "ask", true}, {s, "ask", true}, {s, "fail", false}, {s, "ask", true},
		}},
		{"stragglers", "calls that began before the pause tell nothing new", []step{
			{0, "fail", false}, {0, "fail", false}, {s / 2, "fail", false}, {s / 2, "straggler", false}, {s / 2, "straggler", false}, {3 * s / 2, "ask", true},
		}},
	} {
		var b breaker
		start := time.Unix(1_000_000, 0)
		for i, st := range row.steps {
			now := start.Add(st.at)
			switch st.what {
			case "fail":
				b.failed(now, now)
			case "straggler":
				b.failed(start, now)
			case "succeed":
				b = breaker{}
			default:
				if got := b.allows(now); got != st.want {
					t.Errorf("%s, step %d: allowed %v, want %v: %s", row.name, i, got, st.want, row.why)
				}
			}
		}
	}
	var b breaker
	for i := range 100 {
		now := time.Unix(int64(i)*1000, 0)
		b.failed(now, now)
	}
	if b.pause != breakerMost {
		t.Errorf("the pause grows to %v, want %v", b.pause, breakerMost)
	}
}

func TestSaysNothing(t *testing.T) {
	for _, row := range []struct {
		err       error
		cancelled bool
		want      bool
		why       string
	}{
		{nil, false, false, "it did"},
		{nil, true, false, "it did, for a caller who has gone"},
		{io.ErrShortWrite, false, false, "a full disk"},
		{context.DeadlineExceeded, false, false, "its own timeouts"},
		{fmt.Errorf("x: %w", store.ErrCorrupt), false, true, "one entry is broken"},
		{fmt.Errorf("x: %w", store.ErrTooLarge), false, true, "one body is too large"},
		{fmt.Errorf("x: %w", store.ErrConflict), false, true, "one entry was replaced"},
		{context.Canceled, true, true, "the caller has gone"},
		{errors.New("use of closed connection"), true, true, "the caller has gone, told in another way"},
	} {
		if got := saysNothing(row.err, row.cancelled); got != row.want {
			t.Errorf("%v: %v, want %v: %s", row.err, got, row.want, row.why)
		}
	}
}
