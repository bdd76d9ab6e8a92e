package dirstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Where there are no file locks a lease goes by the time of its file.
func TestLeaseByTime(t *testing.T) {
	path := t.TempDir()
	root, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	const name = "key.lease"
	acquire := func() func() {
		t.Helper()
		f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		release, again := holdLeaseByTime(root, name, f)
		if again {
			t.Error("there is no other file")
		}
		return release
	}
	held := acquire()
	for _, row := range []struct {
		why   string
		age   time.Duration
		wants bool
	}{
		{"another process has just got it", 0, false},
		{"the lease has not expired", leaseTime - 10*time.Second, false},
		{"its holder must have died", leaseTime + time.Second, true},
	} {
		at := time.Now().Add(-row.age)
		if err := os.Chtimes(filepath.Join(path, name), at, at); err != nil {
			t.Fatal(err)
		}
		if got := acquire(); (got != nil) != row.wants {
			t.Errorf("%s: got it: %v", row.why, got != nil)
		}
	}
	held()
	held() // does nothing
	if again := acquire(); again == nil {
		t.Error("a lease that was given back is not free")
	}
}
