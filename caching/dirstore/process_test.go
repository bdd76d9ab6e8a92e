package dirstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// Some of what a Store promises is about processes. They are this test binary again,
// running TestChild with these in its environment.
const (
	childJob  = "TRIPPER_TEST_DIR_JOB"
	childPath = "TRIPPER_TEST_DIR_PATH"
	childSeed = "TRIPPER_TEST_DIR_SEED"
)

func TestChild(t *testing.T) {
	path := os.Getenv(childPath)
	if path == "" {
		t.Skip("run by other tests, in a process of its own")
	}
	seed, err := strconv.ParseUint(os.Getenv(childSeed), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	switch os.Getenv(childJob) {
	case "store":
		roomy.store(t, path, seed, 0)
	case "evict":
		tight.store(t, path, seed, 0)
	case "share":
		roomy.store(t, path, seed, stressTime(2*time.Second))
	case "share-evict":
		tight.store(t, path, seed, stressTime(2*time.Second))
	case "big":
		childBig(t, path)
	case "lease":
		d := open(t, path, Options{})
		release, err := d.Acquire(t.Context(), "key")
		if err != nil || release == nil {
			t.Fatal(err)
		}
		fmt.Print(childReady)
		time.Sleep(time.Hour) // until it is killed
	}
}

// childReady is what a child says when it is ready, and when it has done one more
// thing.
const childReady = "ready\n"

// childOutput gathers what a child says, and tells when it has said that it is
// ready as often as it is asked to.
type childOutput struct {
	mu    sync.Mutex
	text  bytes.Buffer
	left  int
	ready chan struct{}
}

func (o *childOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := bytes.Count(o.text.Bytes(), []byte(childReady))
	o.text.Write(p)
	more := bytes.Count(o.text.Bytes(), []byte(childReady)) - before
	if o.left > 0 && o.left <= more {
		close(o.ready)
	}
	o.left -= more
	return len(p), nil
}

// childProcess is a process that does a job.
type childProcess struct {
	*exec.Cmd
	out   *childOutput
	ended chan error
}

// child starts a process that does job, and returns when it has said that often
// that it is ready.
func child(t *testing.T, job, path string, seed, reports int) *childProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v") //nolint:gosec // this program; it is killed or waited for
	cmd.Env = append(os.Environ(), childJob+"="+job, childPath+"="+path, childSeed+"="+strconv.Itoa(seed))
	c := &childProcess{cmd, &childOutput{left: reports, ready: make(chan struct{})}, make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = c.out, c.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.ended <- cmd.Wait() }()
	select {
	case <-c.out.ready:
	case err := <-c.ended:
		c.ended <- err
		if c.out.left > 0 { // it has ended, nobody writes
			t.Fatalf("%s ended early: %v: %s", job, err, &c.out.text)
		}
	}
	return c
}

// wait returns how c ended.
func (c *childProcess) wait() error {
	if err := <-c.ended; err != nil {
		return fmt.Errorf("%w: %s", err, &c.out.text)
	}
	return nil
}

// kill is kill -9.
func (c *childProcess) kill(t *testing.T) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.ended
}

// stressTime is the time for a test of races: usual, or 30 s.
func stressTime(usual time.Duration) time.Duration {
	if os.Getenv("TRIPPER_STRESS") == "1" {
		return 30 * time.Second
	}
	return usual
}

// seededMeta is metadata that tells which body belongs to it.
func seededMeta(seed uint64, n int) *store.Meta {
	m := entries.Meta(1)
	binary.BigEndian.PutUint64(m.ID[:], seed)
	binary.BigEndian.PutUint64(m.ID[8:], uint64(n)) //nolint:gosec // never negative
	return m
}

func seededBody(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(b)
	return b
}

// checkSeeded reports whether something is under key, and an error if it is not a
// whole entry.
func checkSeeded(d *Store, key string) (bool, error) {
	e, err := d.Get(context.Background(), key)
	if err != nil || e == nil {
		return false, err
	}
	defer e.Close()
	seed, n := binary.BigEndian.Uint64(e.Meta.ID[:]), binary.BigEndian.Uint64(e.Meta.ID[8:])
	body, err := entries.ReadAll(e)
	if err != nil {
		return true, err
	}
	if uint64(len(body)) != n || !bytes.Equal(body, seededBody(seed, len(body))) {
		return true, fmt.Errorf("%w: %d bytes are not body %d of %d", store.ErrCorrupt, len(body), seed, n)
	}
	return true, nil
}

// load is how many entries children store, and within which bound.
type load struct {
	keys  int
	bound int64
}

var (
	roomy = load{8, 16 << 20}
	tight = load{100, 2 << 20} // nearly all that is stored makes others go
)

// key returns one of the keys.
func (l load) key(n func(int) int) string { return fmt.Sprint("key", n(l.keys)) }

// store stores, updates, reads and deletes until it is killed, or for a time.
func (l load) store(t *testing.T, path string, seed uint64, d time.Duration) {
	t.Helper()
	dir := open(t, path, Options{MaxBytes: l.bound})
	var wg sync.WaitGroup
	began := time.Now()
	for i := range uint64(4) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, i)) //nolint:gosec // not for secrets
			for d == 0 || time.Since(began) < d {
				key := l.key(rnd.IntN)
				switch rnd.IntN(6) {
				case 0:
					dir.Delete(context.Background(), key)
				case 1:
					e, err := dir.Get(context.Background(), key)
					if err != nil || e == nil {
						continue
					}
					m := e.Meta.Clone()
					m.Header = entries.With(m.Header, "X-More", strings.Repeat("m", rnd.IntN(3000)))
					e.Close()
					err = dir.Update(context.Background(), key, m) // as it comes
					if err != nil && !errors.Is(err, store.ErrConflict) {
						t.Errorf("Update: %v", err)
					}
				case 2, 3:
					if _, err := checkSeeded(dir, key); err != nil {
						t.Error(err)
					}
				default:
					n, id := rnd.IntN(300_000), rnd.Uint64()
					if err := entries.TryPut(dir, key, seededMeta(id, n), seededBody(id, n), -1); err != nil {
						t.Errorf("storing: %v", err)
					}
				}
				if d == 0 {
					fmt.Print(childReady)
				}
			}
		})
	}
	if d > 0 {
		fmt.Print(childReady)
	}
	wg.Wait()
}

func TestKilled(t *testing.T) {
	times := 8
	switch {
	case os.Getenv("TRIPPER_STRESS") == "1":
		times = 200
	case testing.Short():
		times = 2
	}
	for job, l := range map[string]load{"store": roomy, "evict": tight} {
		t.Run(job, func(t *testing.T) { l.killed(t, job, times) })
	}
}

// killed kills children that do job at any moment, and sees what they leave.
func (l load) killed(t *testing.T, job string, times int) {
	t.Helper()
	path := t.TempDir()
	whole, wrote := 0, 0
	for i := range times {
		// When one of its goroutines has done something the others are anywhere.
		child(t, job, path, i, 1+rand.IntN(200)).kill(t) //nolint:gosec // not for secrets
		for name := range files(t, path) {
			if strings.HasSuffix(name, tempSuffix) {
				wrote++
			}
		}
		d := open(t, path, Options{MaxBytes: l.bound})
		if s := d.Stats(); s.Bytes > l.bound {
			t.Errorf("after kill %d: %d bytes of %d", i, s.Bytes, l.bound)
		}
		for k := range l.keys {
			there, err := checkSeeded(d, fmt.Sprint("key", k))
			if err != nil {
				t.Errorf("after kill %d: %v", i, err)
			}
			if there {
				whole++
			}
		}
		d.Close()
		for name := range files(t, path) {
			if strings.HasSuffix(name, tempSuffix) || strings.HasSuffix(name, leaseSuffix) {
				t.Errorf("after kill %d: left over: %s", i, name)
			}
		}
	}
	t.Logf("killed %d times: %d entries whole, %d bodies were just being written", times, whole, wrote)
	if whole == 0 {
		t.Error("nothing was ever stored: nothing was tried")
	}
}

func TestTwoProcesses(t *testing.T) {
	for job, l := range map[string]load{"share": roomy, "share-evict": tight} {
		t.Run(job, func(t *testing.T) { l.shared(t, job) })
	}
}

// shared reads what two children store that do job.
func (l load) shared(t *testing.T, job string) {
	t.Helper()
	path := t.TempDir()
	a, b := child(t, job, path, 1, 1), child(t, job, path, 2, 1)
	d := open(t, path, Options{MaxBytes: l.bound})
	hits := 0
	done := make(chan error, 2)
	go func() { done <- a.wait() }()
	go func() { done <- b.wait() }()
	for ended := 0; ended < 2; {
		select {
		case err := <-done:
			if ended++; err != nil {
				t.Errorf("a process found something wrong: %v", err)
			}
		default:
			there, err := checkSeeded(d, l.key(rand.IntN))
			if err != nil {
				t.Error(err)
			}
			if there {
				hits++
			}
		}
	}
	if hits == 0 {
		t.Error("nothing of what others stored was found")
	}
	t.Logf("%d hits on what two others stored, replaced and updated", hits)
}

func TestLeaseEndsWithProcess(t *testing.T) {
	path := t.TempDir()
	cmd := child(t, "lease", path, 0, 1)
	d := open(t, path, Options{})
	if r, err := d.Acquire(t.Context(), "key"); r != nil || err != nil {
		t.Errorf("another process has the lease, and we got it (%v)", err)
	}
	cmd.kill(t)
	r, err := d.Acquire(t.Context(), "key")
	if r == nil || err != nil {
		t.Fatalf("the lease outlives its process (%v)", err)
	}
	r()
}

// childBig stores 512 MiB and reads it back, with a heap that may not grow.
func childBig(t *testing.T, path string) {
	t.Helper()
	debug.SetMemoryLimit(64 << 20)
	const size = 512 << 20
	d := open(t, path, Options{MaxBytes: 2 << 30})
	w, err := d.Create(t.Context(), "key", size)
	if err != nil {
		t.Fatal(err)
	}
	block := seededBody(1, 64<<10)
	for i := range size / len(block) {
		binary.BigEndian.PutUint32(block, uint32(i)) //nolint:gosec // small
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context(), entries.Meta(1)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	e, err := d.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	defer e.Close()
	buf := make([]byte, len(block))
	for i := range size / len(block) {
		binary.BigEndian.PutUint32(block, uint32(i)) //nolint:gosec // small
		if _, err := e.Body.ReadAt(buf, int64(i)*int64(len(block))); err != nil || !bytes.Equal(buf, block) {
			t.Fatalf("block %d: %v", i, err)
		}
	}
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc")
	}
	if err := os.WriteFile(filepath.Join(path, "status"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	fmt.Print(childReady)
}

func TestBigBody(t *testing.T) {
	if testing.Short() || rttest.Race {
		t.Skip("writes 512 MiB and looks at the memory of the process")
	}
	path := t.TempDir()
	if err := child(t, "big", path, 0, 1).wait(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(path, "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kib int
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				t.Fatal(err)
			}
			t.Logf("512 MiB stored and read: at most %d KiB resident", kib)
			if kib > 32<<10 {
				t.Errorf("%d KiB resident", kib)
			}
			return
		}
	}
	t.Skip("the system does not say what is resident")
}
