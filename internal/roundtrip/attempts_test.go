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
	if n.Load() != 1 || m.Load() != 2 {
		t.Errorf("counted %d and %d, want 1 and 2: the innermost counter counts", n.Load(), m.Load())
	}
}
