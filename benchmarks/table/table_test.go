package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const printed = `goos: linux
goarch: amd64
cpu: Some Processor
BenchmarkCachingHit/1KiB/ours-2         	  500	  700.0 ns/op	 1136 B/op	 4 allocs/op
BenchmarkCachingHit/1KiB/ratio-2        	  500	  6.02 httpcache/floor	 600 ns/floor	 1.5 ours/floor
BenchmarkCachingHit/1KiB/ratio-2        	  500	  5.00 httpcache/floor	 610 ns/floor	 1.6 ours/floor
BenchmarkCachingHit/1KiB/ratio-2        	  500	  7.00 httpcache/floor	 620 ns/floor	 2.4 ours/floor
BenchmarkScaleHit/100/ours-2            	  500	  900 ns/op	 7 allocs/op
BenchmarkScaleHit/100/ratio-2           	  500	  800 ns/ours	 1.6 ours/floor
BenchmarkScaleHit/1000/ratio-2          	  500	  1800 ns/ours	 1.7 ours/floor
BenchmarkScaleUsers/100/hit-2           	  500	  70 ns/op
--- a line of another kind
        trips.go:167: BenchmarkTrips/redisstore.Store/hit,_1_KiB 1 1 trips/ours
PASS
`

func readPrinted(t *testing.T) results {
	t.Helper()
	r := results{}
	machine, err := r.read(strings.NewReader(printed))
	if err != nil || strings.Join(machine, " ") != "linux amd64 Some Processor" {
		t.Fatal(machine, err)
	}
	return r
}

func TestTable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why  string
		row  row
		want string
	}{
		{
			"medians of the runs, and what is to be reached", sections[0].rows[0],
			"| fresh hit, 1 KiB | 610 ns | 1.6 × | httpcache 6.02 × | 4 | ≤ 2 ×, ≤ 8 allocs | yes |",
		},
		{
			"what was not measured is not met", inTurn("w", "Other", "floor", "ours", 2),
			"| w | – | – | – | – | ≤ 2 × | not measured |",
		},
		{
			"a limit of allocations that were not counted is not met", inTurn("w", "CachingHit/1KiB/ratio", "floor", "ours", 2).counted("Other", allocs, 3),
			"| w | 610 ns | 1.6 × | – | – | ≤ 2 ×, ≤ 3 allocs | not measured |",
		},
		{
			"too many allocations", inTurn("w", "CachingHit/1KiB/ratio", "floor", "ours", 2).counted("CachingHit/1KiB/ours", allocs, 3),
			"| w | 610 ns | 1.6 × | – | 4 | ≤ 2 ×, ≤ 3 allocs | **no** |",
		},
		{
			"too slow, of values that are no ratios", absolute("w", "ns/ours", "ScaleHit/1000/ratio", 1500, "", "ScaleHit/100/ratio"),
			"| w | – | 1.8 µs | ours 800 ns | – | ≤ 1.5 µs | **no** |",
		},
		{
			"what a test has logged counts too", trips("redisstore", "hit, 1 KiB", 1),
			"| hit, 1 KiB | – | 1 | – | – | ≤ 1 | yes |",
		},
		{
			"no target, no verdict", timed("w", "ScaleHit/1000/ratio", 0),
			"| w | – | 1.8 µs | – | – | – | – |",
		},
	} {
		var b bytes.Buffer
		write(&b, readPrinted(t), []row{test.row})
		if lines := strings.Split(strings.TrimSpace(b.String()), "\n"); lines[len(lines)-1] != test.want {
			t.Errorf("%s:\n%s, want\n%s", test.why, lines[len(lines)-1], test.want)
		}
	}
}

// What is shown decides: a value that is shown as the limit is the limit.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why                        string
		ours, most, allocs, allows float64
		measured                   bool
		want                       verdict
	}{
		{"within both limits", 1.5, 2, 4, 8, true, met},
		{"a rounded value counts as it is shown", 1.5004, 1.5, 0, 0, true, met},
		{"beyond that it does not", 1.506, 1.5, 0, 0, true, missed},
		{"one allocation more", 1, 2, 9, 8, true, missed},
		{"only allocations have a limit", 99, 0, 8, 8, true, met},
		{"nothing has one", 99, 0, 9, 0, true, noTarget},
		{"nothing was measured", 0, 2, 0, 8, false, unknown},
	} {
		if got := judge(row.ours, row.most, row.allocs, row.allows, row.measured); got != row.want {
			t.Errorf("%s: %s, want %s", row.why, got, row.want)
		}
	}
}

// A row that is there twice, or without a name, would hide a typing error.
func TestRows(t *testing.T) {
	t.Parallel()
	seen := map[metric]string{}
	for _, s := range append(sections, behaviour...) {
		for _, row := range s.rows {
			if row.work == "" || row.ours.bench == "" || row.ours.unit == "" {
				t.Errorf("%s: %+v", s.title, row)
			}
			if other, ok := seen[row.ours]; ok {
				t.Errorf("%q and %q are one", row.work, other)
			}
			seen[row.ours] = row.work
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	doc := filepath.Join(dir, "performance.md")
	if err := os.WriteFile(doc, []byte("before\n<!-- bench -->\nold\n<!-- end of bench -->\nafter\n<!-- scale -->\n<!-- end of scale -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"bench", "scale"} {
		for range 2 { // it can be done again
			if err := run(kind, dir, strings.NewReader(printed), io.Discard); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := os.ReadFile(doc)
	if text := string(b); err != nil || strings.Contains(text, "old") || !strings.HasPrefix(text, "before\n") || !strings.Contains(text, "after\n") ||
		strings.Count(text, "| fresh hit, 1 KiB |") != 1 || strings.Count(text, "| ScaleHit | ns/ours | 800 ns | 1.8 µs |\n") != 1 || strings.Contains(text, "900 ns") ||
		strings.Count(text, "| ScaleUsers/hit | ns/op | 70 ns |\n") != 1 {
		t.Errorf("%v\n%s", err, text)
	}
	for _, name := range []string{"performance-cache.svg", "performance-layers.svg", "performance-scale.svg"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(b)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, b)
			}
		}
		if !bytes.Contains(b, []byte("<title")) || !bytes.Contains(b, []byte("<desc")) || !bytes.Contains(b, []byte("prefers-color-scheme: dark")) {
			t.Errorf("%s:\n%s", name, b)
		}
	}
	for why, err := range map[string]error{
		"another kind":             run("other", "", strings.NewReader(printed), io.Discard),
		"nothing to make it of":    run("bench", "", strings.NewReader("PASS\n"), io.Discard),
		"no place in the document": run("behaviour", dir, strings.NewReader(printed), io.Discard),
		"no document":              run("behaviour", filepath.Join(dir, "none"), strings.NewReader(printed), io.Discard),
	} {
		if err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(printed)
	f.Add("BenchmarkX-2 1 NaN ns/op 1 a 2")
	f.Fuzz(func(t *testing.T, text string) {
		r := results{}
		if _, err := r.read(strings.NewReader(text)); err != nil {
			return
		}
		for m, v := range r {
			if m.bench == "" || m.unit == "" || len(v) == 0 {
				t.Errorf("%v: %v", m, v)
			}
		}
		writeSections(new(bytes.Buffer), r, sections)
		writeGrowth(new(bytes.Buffer), growths(r, ""))
	})
}
