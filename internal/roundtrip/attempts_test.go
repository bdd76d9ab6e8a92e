package roundtrip

import (
	"context"
	"testing"
)

func TestAttempts(t *testing.T) {
	CountAttempt(context.Background()) // nobody counts: nothing happens
	outer, n := WithAttempts(context.Background())
	CountAttempt(outer)
	inner, m := WithAttempts(outer)
	CountAttempt(inner)
	CountAttempt(inner)
	if n.Load() != 3 || m.Load() != 2 {
		t.Errorf("counted %d and %d, want 3 and 2: every layer further out hears of it", n.Load(), m.Load())
	}
}
