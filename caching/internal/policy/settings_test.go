package policy

import (
	"reflect"
	"testing"
	"time"
)

func TestSettingsComplete(t *testing.T) {
	t.Parallel()
	s := Settings{}.Complete()
	if s.HeuristicFraction != 0.1 || s.HeuristicMax != 7*24*time.Hour || s.unreachable != 24*time.Hour || s.StaleIfError != 0 || s.Name != "tripper" {
		t.Errorf("the defaults are %+v", s)
	}
	own := Settings{HeuristicFraction: 0.2, HeuristicMax: -1, StaleIfError: time.Second, Name: "x y", Targeted: []string{"A"}, StatusTTL: map[int]time.Duration{200: 1}}
	s = own.Complete()
	if s.HeuristicFraction != 0.2 || s.HeuristicMax != -1 || s.unreachable != time.Second || s.Name != `"x y"` {
		t.Errorf("what is set is %+v", s)
	}
	own.Targeted[0], own.StatusTTL[200] = "B", 2
	if s.Targeted[0] != "A" || s.StatusTTL[200] != 1 {
		t.Error("a later change of what was given changes the settings")
	}
	if off := (Settings{StaleIfError: -1}).Complete(); off.unreachable != -1 {
		t.Errorf("stale-if-error that is off is %v", off.unreachable)
	}
}

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
