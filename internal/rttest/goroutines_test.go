package rttest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLeaked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines()
		if left := leaked(before); left != "" {
			t.Errorf("nothing was started, and this is left: %s", left)
		}
		go time.Sleep(leakWait / 2)
		if left := leaked(before); left != "" {
			t.Errorf("it ends soon enough: %s", left)
		}
		end := make(chan struct{})
		go func() { <-end }()
		if left := leaked(before); !strings.Contains(left, "TestLeaked") {
			t.Errorf("it waits for ever, but this is left: %q", left)
		}
		close(end)
	})
}
