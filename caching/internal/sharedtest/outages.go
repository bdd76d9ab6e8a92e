package sharedtest

import (
	"slices"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/servers"
)

// large is a body of several pieces, whatever the Store.
const large = 2 << 20

// Outages lets a Store's server fail in every way while the Store is used. start
// starts a server; open opens the Store on it, with a client that by itself waits
// for much longer than [Patience]; flush empties the server.
func Outages(t *testing.T, start func(t *testing.T) *servers.Server, open func(t *testing.T, addr string) store.Store, flush func(t *testing.T, addr string)) {
	t.Helper()
	for _, outage := range []struct {
		name       string
		begin, end func(t *testing.T, s *servers.Server)
	}{
		{
			"frozen",
			func(t *testing.T, s *servers.Server) { t.Helper(); s.Freeze(t) },
			func(t *testing.T, s *servers.Server) { t.Helper(); s.Thaw(t) },
		},
		{
			"killed",
			func(_ *testing.T, s *servers.Server) { s.Kill() },
			func(t *testing.T, s *servers.Server) { t.Helper(); s.Restart(t) },
		},
		{
			"restarted",
			func(t *testing.T, s *servers.Server) { t.Helper(); s.Kill(); s.Restart(t) },
			func(*testing.T, *servers.Server) {},
		},
		{
			"flushed",
			func(t *testing.T, s *servers.Server) { t.Helper(); flush(t, s.Addr) },
			func(*testing.T, *servers.Server) {},
		},
	} {
		t.Run(outage.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			w := New(t, open(t, s.Addr))
			for _, path := range []string{Path("small", 100), Path("large", large), Path("changed", 100)} {
				w.Stored(path)
			}
			asked := w.asked.Load()
			// A body that is being read when it happens comes to its end.
			w.getWhile(Path("large", large), func() { outage.begin(t, s) })
			if n := w.asked.Load() - asked; n > 1 {
				t.Errorf("the origin was asked %d times to complete a body", n)
			}
			var took []time.Duration
			for i := range 5 {
				for _, path := range []string{Path("small", 100), Path("large", large), Path(i, 100_000)} {
					_, d := w.Get(path)
					took = append(took, d)
				}
			}
			slices.Sort(took)
			t.Logf("requests took %v at most, half of them %v", took[len(took)-1], took[len(took)/2])
			// What is written meanwhile is known when the server is back.
			w.Put(Path("changed", 100))
			w.Get(Path("changed", 100))
			outage.end(t, s)
			w.Stored(Path("changed", 100))
			w.Stored(Path("new", 100))
		})
	}
}
