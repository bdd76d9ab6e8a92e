// Command table makes the tables and bars of docs/performance.md from what benchmarks print:
//
//	go test -run '^$' -bench . -benchmem -count 3 . | go run ./table bench
//	go test -run '^$' -bench Scale -benchtime 20000x -scale 1000000 . | go run ./table scale
//	go run ./table -write ../docs bench < bench.txt
//
// The rows and what is to be reached are in rows.go. The kinds are bench, behaviour and scale. With -write, the
// table takes the place of the one between the comments of its kind in performance.md, and the bars are
// written beside it.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/bars"
)

func main() {
	log.SetFlags(0)
	into := flag.String("write", "", "write to performance.md and bars to this `directory`, and not to the standard output")
	flag.Parse()
	if err := run(flag.Arg(0), *into, os.Stdin, os.Stdout); err != nil {
		log.Fatalln("table:", err)
	}
}

// run makes the tables of a kind.
func run(kind, into string, in io.Reader, out io.Writer) error {
	r := results{}
	machine, err := r.read(in)
	if err != nil {
		return err
	}
	if len(r) == 0 {
		return errors.New("no benchmark in the input")
	}
	text := new(bytes.Buffer)
	fmt.Fprintf(text, "On %s.\n", strings.Join(machine, ", "))
	var charts map[string]bars.Chart
	switch kind {
	case "bench":
		writeSections(text, r, sections)
		charts = map[string]bars.Chart{
			"performance-cache.svg": ratios(r, "Processor time, in times the floor (shorter is better)",
				"Bars of hits, validations and misses: tripper is nearer to the floor than the other caches.", "Caching in memory"),
			"performance-layers.svg": ratios(r, "Processor time of a layer, in times its floor (shorter is better)",
				"Bars of retry, Digest, decompression and the transport, some beside other packages.", "One layer each"),
		}
	case "behaviour":
		writeSections(text, r, behaviour)
	case "scale":
		writeGrowth(text, growths(r, "Scale"))
		hits := slices.DeleteFunc(growths(r, "ScaleHit"), func(g growth) bool { return !strings.HasPrefix(g.unit, "ns/") })
		charts = map[string]bars.Chart{"performance-scale.svg": growing("Processor time of a hit of a random entry (shorter is better)",
			"Bars of the time of a hit, for each number of entries and each cache.", "%d entries", hits)}
	default:
		return fmt.Errorf("%q: want bench, behaviour or scale", kind)
	}
	if into == "" {
		_, err := text.WriteTo(out)
		return err
	}
	for name, c := range charts {
		if err := os.WriteFile(filepath.Join(into, name), c.SVG(), 0o644); err != nil { //nolint:gosec // documentation
			return err
		}
	}
	return replace(filepath.Join(into, "performance.md"), kind, text.String())
}

// writeSections writes a table for each section.
func writeSections(w *bytes.Buffer, r results, all []section) {
	for _, s := range all {
		fmt.Fprintf(w, "\n### %s\n\n", s.title)
		if s.about != "" {
			fmt.Fprintf(w, "%s\n\n", s.about)
		}
		write(w, r, s.rows)
	}
}

// replace puts text between the comments of a kind in the file.
func replace(file, kind, text string) error {
	old, err := os.ReadFile(file) //nolint:gosec // a file of this repository
	if err != nil {
		return err
	}
	begin, end := "<!-- "+kind+" -->\n", "<!-- end of "+kind+" -->"
	before, rest, ok1 := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no place for %s", filepath.Base(file), kind)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644) //nolint:gosec // documentation
}
