package policy

import (
	"reflect"
	"testing"
	"time"
)

// Settings are equal if nothing is decided otherwise under them: every field counts.
func TestSettingsEqual(t *testing.T) {
	t.Parallel()
	changes := []func(*Settings){
		func(s *Settings) { s.Shared = true },
		func(s *Settings) { s.SharePublic = true },
		func(s *Settings) { s.NoHeuristics = true },
		func(s *Settings) { s.HeuristicFraction = 0.5 },
		func(s *Settings) { s.HeuristicMax = time.Hour },
		func(s *Settings) { s.StatusTTL = map[int]time.Duration{404: time.Second} },
		func(s *Settings) { s.StaleWhileRevalidate = time.Second },
		func(s *Settings) { s.StaleIfError = time.Second },
		func(s *Settings) { s.unreachable = time.Second },
		func(s *Settings) { s.StaleOnlyIfCached = true },
		func(s *Settings) { s.IgnoreETag = true },
		func(s *Settings) { s.Targeted = []string{"CDN-Cache-Control"} },
		func(s *Settings) { s.MaxBody = 1 },
		func(s *Settings) { s.Name = "other" },
		func(s *Settings) { s.ShowKey = true },
	}
	if n := reflect.TypeFor[Settings]().NumField(); n != len(changes) {
		t.Errorf("%d fields, %d of them are tested", n, len(changes))
	}
	for i, change := range changes {
		a, b := Settings{}.Complete(), Settings{}.Complete()
		if !a.Equal(b) {
			t.Fatal("the defaults are not equal to themselves")
		}
		change(b)
		if a.Equal(b) {
			t.Errorf("field %d makes no difference", i)
		}
	}
}
