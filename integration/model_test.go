// Package integration_test holds the tests of all layers together. Each looks at what
// the origins received and at what the caller got.
//
// Most tests are about one subject, in the file of its name, and are built of what
// stack_test.go holds: a server that remembers its requests, a stack of all layers,
// and ask. The model is of another kind: random clients, whose layers are put
// together at random, send to random origins, and a judge knows what each response
// may be. It begins in world_test.go.
package integration_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "play only the round of this `seed`")
	modelFrom  = flag.Uint64("model.from", 1, "begin with this `seed`")
	modelTime  = flag.Duration("model.time", 3*time.Second, "how long to play, one round after the other")
	modelNotes = flag.Bool("model.notes", false, "print what happened in the round of -model.seed")
)

// TestModel plays one round after the other, each in a world that follows from its
// seed. A round is some hours long, in a bubble of testing/synctest.
func TestModel(t *testing.T) {
	if *modelSeed != 0 {
		play(t, *modelSeed)
		return
	}
	before := descriptors()
	began := time.Now()
	var played atomic.Uint64
	var all sync.WaitGroup
	for range players() {
		all.Go(func() {
			for time.Since(began) < *modelTime && !t.Failed() {
				play(t, *modelFrom+played.Add(1)-1)
			}
		})
	}
	all.Wait()
	t.Logf("%d rounds in %s", played.Load(), time.Since(began).Round(time.Millisecond))
	runtime.GC()
	if after := descriptors(); after > before+2 {
		t.Errorf("%d descriptors were open before, and %d are now", before, after)
	}
}

// players is how many rounds are played at once.
func players() int { return min(4, runtime.GOMAXPROCS(0)) }

// play plays the round of a seed.
func play(t *testing.T, seed uint64) {
	t.Helper()
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { round(t, seed, false) })
	})
}

// round lets some persons live in a world, and looks at what they have left.
func round(t *testing.T, seed uint64, sockets bool) {
	t.Helper()
	w := newWorld(t, seed, sockets)
	var all sync.WaitGroup
	for i := range 3 + w.rand.IntN(4) {
		p := &person{
			w: w, name: fmt.Sprintf("p%d", i), user: w.users[i%len(w.users)], seen: make(map[*resource]int), tags: make(map[*resource]string),
		}
		p.rand = newRand(seed, "person", p.name)
		actions := 20 + w.rand.IntN(40)
		all.Go(func() { p.live(actions) })
	}
	all.Wait()
	w.close()
	if !sockets {
		time.Sleep(time.Hour) // what is still to come
		synctest.Wait()
		w.checkGoroutines()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if *modelNotes {
		for target, notes := range w.notes {
			t.Logf("%s\n    %s", target, strings.Join(notes, "\n    "))
		}
	}
	for _, f := range w.failures[:min(len(w.failures), 3)] {
		t.Error(f)
	}
	if len(w.failures) > 0 {
		name := "TestModel"
		if sockets {
			name = "TestModelSockets"
		}
		t.Errorf("%d promises broken; to see it again: go test ./integration -run '%s$' -model.seed=%d", len(w.failures), name, seed)
	}
}

// checkGoroutines looks for those of this bubble that are left.
func (w *world) checkGoroutines() {
	buf := make([]byte, 1<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	bubble := ""
	for i, g := range all {
		head, _, _ := strings.Cut(g, "\n")
		_, after, ok := strings.Cut(head, "synctest bubble ")
		if i == 0 {
			bubble = after
			continue
		}
		if ok && after == bubble && !strings.Contains(g, "synctest.Run") && !strings.Contains(g, "testingSynctestTest") {
			w.mu.Lock()
			w.failf("goroutines", "one is left: %s", g)
			w.mu.Unlock()
		}
	}
}

// descriptors counts what this process has open, on Linux.
func descriptors() int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(all)
}
