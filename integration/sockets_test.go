package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// TestModelSockets plays some rounds over sockets of the loopback interface, in
// real time, of which a round of the model takes a thousandth.
func TestModelSockets(t *testing.T) {
	rttest.NoLeaks(t)
	before := descriptors()
	if *modelSeed != 0 {
		t.Run(fmt.Sprint(*modelSeed), func(t *testing.T) { round(t, *modelSeed, true) })
		return
	}
	began := time.Now()
	seed := *modelFrom
	for ; time.Since(began) < *modelTime/5 && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { round(t, seed, true) })
	}
	t.Logf("%d rounds in %s", seed-*modelFrom, time.Since(began).Round(time.Millisecond))
	for wait := time.Now(); descriptors() > before+2; {
		if time.Since(wait) > 5*time.Second {
			t.Errorf("%d descriptors were open before, and %d are now", before, descriptors())
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
}
