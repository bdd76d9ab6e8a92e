package rttest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// leakWait is how long a goroutine may take to end after the end of its test.
const leakWait = 5 * time.Second

// NoLeaks fails tb at its end if a goroutine is left that did not run when NoLeaks was
// called. tb must not be parallel to other tests.
func NoLeaks(tb testing.TB) {
	tb.Helper()
	before := goroutines()
	tb.Cleanup(func() {
		if left := leaked(before); left != "" {
			tb.Errorf("goroutines are left:\n%s", left)
		}
	})
}

// Main runs the tests of a package, and fails if they have left a goroutine:
//
//	func TestMain(m *testing.M) { rttest.Main(m) }
func Main(m *testing.M) {
	before := goroutines()
	code := m.Run()
	if code == 0 {
		if left := leaked(before); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leaked waits until only the goroutines of before run. It returns the stacks of the
// others if they do not end.
func leaked(before map[string]string) string {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		var left []string
		for id, stack := range goroutines() {
			// The goroutine that waits for signals never ends.
			if _, old := before[id]; !old && !strings.Contains(stack, "os/signal.signal_recv") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Since(began) > leakWait {
			return strings.Join(left, "\n\n")
		}
	}
}

// goroutines returns the stacks of all goroutines by their numbers.
func goroutines() map[string]string {
	buf := make([]byte, 64<<10)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	all := make(map[string]string)
	for stack := range strings.SplitSeq(string(buf[:n]), "\n\n") {
		id, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
		all[id] = stack
	}
	return all
}
