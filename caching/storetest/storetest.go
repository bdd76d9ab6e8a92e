// Package storetest is the contract of [store.Store] as a test suite.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func() store.Store { return mystore.New(16 << 20) })
//	}
//
// # Behavior
//
// Each part is a subtest on a store of its own. Optional abilities are tested if the store has
// them: [store.Shortener], [store.Lister], [store.Secreter], [store.Leaser], [store.Finder] and what a
// [store.Promiser] promises; and [Corrupter], which a test wraps around its store. The store must
// keep 8 MiB in all and 1 MiB for one entry. Where the suite stores more, the store may forget.
//
// # Limits
//
// Whether a store belongs to one process ([store.Promises.OneProcess]) is not tested.
//
// The parts that look for races run for about a second each; with
// TRIPPER_STRESS=1 in the environment for 30. They are worth most under -race.
package storetest

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// Corrupter gives the suite access to the bytes of a store, so that it can damage them. Corrupt
// calls change with each value that is kept for key, counted from zero in an order that is always
// the same, and stores the result in its place; nil removes the value.
type Corrupter interface {
	Corrupt(key string, change func(part int, stored []byte) []byte) error
}

// Run tests the store that open returns: a new one, empty, at each call. A store
// with a Close method is closed at the end of its test.
func Run(t *testing.T, open func() store.Store) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"Absent", testAbsent},
		{"RoundTrip", testRoundTrip},
		{"Meta", testMeta},
		{"Keys", testKeys},
		{"InvisibleBeforeCommit", testInvisible},
		{"Abort", testAbort},
		{"AfterTheEnd", testAfterTheEnd},
		{"WrongSize", testWrongSize},
		{"Shorten", testShorten},
		{"ReadAtWhileWriting", testReadWhileWriting},
		{"Update", testUpdate},
		{"UpdateConflict", testUpdateConflict},
		{"UpdateVersion", testUpdateVersion},
		{"Swap", testSwap},
		{"UpdateDuringRead", testUpdateDuringRead},
		{"ReplaceDuringRead", testReplaceDuringRead},
		{"ConcurrentReadAt", testConcurrentReadAt},
		{"TooLarge", testTooLarge},
		{"Context", testContext},
		{"List", testList},
		{"Secret", testSecret},
		{"Promises", testPromises},
		{"ContextEnds", testContextEnds},
		{"Lease", testLease},
		{"Find", testFind},
		{"FindSeen", testFindSeen},
		{"FindLease", testFindLease},
		{"FindOnce", testFindOnce},
		{"FindCorrupt", testFindCorrupt},
		{"Corrupt", testCorrupt},
		{"Stats", testStats},
		{"Eviction", testEviction},
		{"UpdateAtomic", testUpdateAtomic},
		{"SwapRace", testSwapRace},
		{"Race", testRace},
	} {
		t.Run(part.name, func(t *testing.T) {
			s := open()
			if c, ok := s.(io.Closer); ok {
				t.Cleanup(func() {
					if err := c.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
			}
			part.test(t, s)
		})
	}
}

// raceTime is how long tests look for races.
func raceTime() time.Duration {
	switch {
	case os.Getenv("TRIPPER_STRESS") == "1":
		return 30 * time.Second
	case testing.Short():
		return 200 * time.Millisecond
	default:
		return time.Second
	}
}
