package benchmarks

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
)

// BenchmarkDirectoryHit is a hit of the whole cache from a directory, beside the bare file: opened, read to
// its end in pieces of 32 KiB, and closed. BenchmarkStoreDir is the same without the cache.
func BenchmarkDirectoryHit(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			d, err := dirstore.Open(b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			origin := &answers{header: originHeader("max-age=3600", "Content-Length", strconv.Itoa(size)), body: make([]byte, size)}
			rt, req := &caching.Transport{Base: origin, Store: d}, newGet(b, "http://example.com/a/path?q=1")
			exchangeOf(b, rt, req, size)
			file, buf := filepath.Join(b.TempDir(), "file"), make([]byte, 32<<10)
			if err := os.WriteFile(file, origin.body, 0o600); err != nil {
				b.Fatal(err)
			}
			works := map[string]func(){
				"ours": func() {
					resp, err := rt.RoundTrip(req)
					if err != nil {
						b.Fatal(err)
					}
					readAll(b, resp.Body, buf, size)
				},
				"bare": func() {
					f, err := os.Open(file)
					if err != nil {
						b.Fatal(err)
					}
					readAll(b, f, buf, size)
				},
			}
			alternate(b, works, "bare")
			b.ReportMetric(testing.AllocsPerRun(100, works["ours"]), "allocs/ours")
		})
	}
}

// readAll reads a body of size bytes to its end, and closes it.
func readAll(b *testing.B, body io.ReadCloser, buf []byte, size int) {
	n, err := 0, error(nil)
	for err == nil {
		var k int
		k, err = body.Read(buf)
		n += k
	}
	_ = body.Close()
	if n != size || err != io.EOF {
		b.Fatal(n, err)
	}
}

// BenchmarkDirectoryPause is how long a Commit takes in a directory that is full, so that each entry that is
// stored makes another go: the longest, the longest but one in a thousand, and the longest by the processor
// time of the thread, which says less of what else the machine did. In turn with it the same is stored in a
// directory of as many entries that has room for more, and in a bare file that is written and renamed: what
// the file system and the scheduler make of that is the floor.
//
//	go test -run '^$' -bench DirectoryPause -benchtime 20000x -scale 100000
func BenchmarkDirectoryPause(b *testing.B) {
	const block = 4 << 10 // what each entry takes of the disk
	body, meta := make([]byte, scaleBody), storedMeta()
	bare := b.TempDir()
	works := map[string]func(key string){"floor": func(key string) { storeFile(b, bare, key, meta.URL, body) }}
	stores := map[string]*dirstore.Store{}
	for name, limit := range map[string]int64{"roomy": 1 << 40, "ours": int64(*scale) * block} {
		d, err := dirstore.Open(b.TempDir(), &dirstore.Options{MaxBytes: limit})
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		for i := range *scale {
			storeEntry(b, d, strconv.Itoa(i), meta, body)
		}
		stores[name] = d
		works[name] = func(key string) { storeEntry(b, d, key, meta, body) }
	}
	pauses, worst := map[string][]time.Duration{}, map[string]time.Duration{}
	b.Run(fmt.Sprint(*scale), func(b *testing.B) {
		clear(pauses)
		clear(worst)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for i := 0; b.Loop(); i++ {
			for name, work := range works {
				start, used := time.Now(), threadTime()
				work("new" + strconv.Itoa(i))
				pauses[name] = append(pauses[name], time.Since(start))
				worst[name] = max(worst[name], threadTime()-used)
			}
		}
		for name, p := range pauses {
			slices.Sort(p)
			b.ReportMetric(float64(p[len(p)-1])/1e6, "worst-ms/"+name)
			b.ReportMetric(float64(p[len(p)-1-len(p)/1000])/1e6, "p99.9-ms/"+name)
			b.ReportMetric(float64(worst[name])/1e6, "worst-cpu-ms/"+name)
			b.ReportMetric(float64(p[len(p)/2])/1e3, "median-us/"+name)
		}
		b.ReportMetric(float64(stores["ours"].Stats().Evicted), "evicted")
	})
}

// storeFile is the least that storing an entry takes: a file with the body and what is said of it, which has
// its name when it is whole.
func storeFile(b *testing.B, dir, key, about string, body []byte) {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(dir, key+".new"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(append([]byte(about), body...))
		err = errors.Join(err, f.Close(), os.Rename(f.Name(), filepath.Join(dir, key)))
	}
	if err != nil {
		b.Fatal(err)
	}
}
