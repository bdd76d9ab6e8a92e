// Package tracetest has a hook for tests that compares what layers tell with docs/events.md.
package tracetest

import (
	"context"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/trace"
)

// Documented returns a hook that fails the test for an event that docs/events.md does not
// have: its action, its reason, its level, or its attributes. dir is the root of the module, such
// as "..".
func Documented(tb testing.TB, dir string) func(trace.Event) {
	tb.Helper()
	page := rttest.ReadPage(tb, dir)
	return func(e trace.Event) {
		attributes := make([]string, len(e.Attrs))
		for i, a := range e.Attrs {
			attributes[i] = a.Key
		}
		if problem := page.Problem(e.Layer, e.Action, e.Reason, e.Level.String(), attributes...); problem != "" {
			tb.Errorf("docs/events.md: %s: %v %v", problem, e.Level, e)
		}
	}
}

// Context returns the context of the test with the hook of [Documented].
func Context(tb testing.TB, dir string) context.Context {
	tb.Helper()
	return trace.WithHook(tb.Context(), Documented(tb, dir))
}
