package caching

import (
	"reflect"
	"testing"
	"time"
)

// Settings are equal if nothing is decided otherwise under them: every field counts.
func TestSettingsEqual(t *testing.T) {
	t.Parallel()
	changes := []func(*settings){
		func(s *settings) { s.shared = true },
		func(s *settings) { s.sharePublic = true },
		func(s *settings) { s.noHeuristics = true },
		func(s *settings) { s.heuristicFraction = 0.5 },
		func(s *settings) { s.heuristicMax = time.Hour },
		func(s *settings) { s.statusTTL = map[int]time.Duration{404: time.Second} },
		func(s *settings) { s.staleWhileRevalidate = time.Second },
		func(s *settings) { s.staleIfError = time.Second },
		func(s *settings) { s.unreachable = time.Second },
		func(s *settings) { s.staleOnlyIfCached = true },
		func(s *settings) { s.ignoreETag = true },
		func(s *settings) { s.targeted = []string{"CDN-Cache-Control"} },
		func(s *settings) { s.maxBody = 1 },
		func(s *settings) { s.name = "other" },
		func(s *settings) { s.showKey = true },
	}
	if n := reflect.TypeFor[settings]().NumField(); n != len(changes) {
		t.Errorf("%d fields, %d of them are tested", n, len(changes))
	}
	for i, change := range changes {
		a, b := settings{}.complete(), settings{}.complete()
		if !a.equal(b) {
			t.Fatal("the defaults are not equal to themselves")
		}
		change(b)
		if a.equal(b) {
			t.Errorf("field %d makes no difference", i)
		}
	}
}
