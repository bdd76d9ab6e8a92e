package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// growth is a benchmark that was run with several numbers of something, as its values by number.
type growth struct {
	name, unit string // the name without the number
	values     map[int]float64
}

// growths returns what has a number in the name of its benchmark, as in ScaleHit/1000/ours, for the given prefix
// of a name, in the order of names and units.
func growths(r results, prefix string) []growth {
	all := map[metric]growth{}
	for m := range r {
		if !strings.HasPrefix(m.bench, prefix) || !r.tells(m) {
			continue
		}
		parts := strings.Split(m.bench, "/")
		for i, part := range parts {
			n, err := strconv.Atoi(part)
			if err != nil {
				continue
			}
			name := strings.TrimSuffix(strings.Join(slices.Delete(slices.Clone(parts), i, i+1), "/"), "/ratio")
			g, ok := all[metric{name, m.unit}]
			if !ok {
				g = growth{name, m.unit, map[int]float64{}}
			}
			g.values[n], _ = r.get(m)
			all[metric{name, m.unit}] = g
			break
		}
	}
	list := slices.Collect(maps.Values(all))
	slices.SortFunc(list, func(a, b growth) int { return strings.Compare(a.name+" "+a.unit, b.name+" "+b.unit) })
	return list
}

// tells reports whether a value belongs into the table: ratios and bytes follow from others, a time of several works
// in turn is of none of them, the times of BenchmarkScaleHeap are those of filling a store, and allocations are shown of
// this module only.
func (r results) tells(m metric) bool {
	_, who, _ := strings.Cut(strings.TrimPrefix(m.bench, "Scale"), "/")
	peer := strings.HasSuffix(who, "/floor") || strings.HasSuffix(who, "/httpcache") || strings.HasSuffix(who, "/otter")
	switch {
	case isRatio(m.unit), m.unit == "B/op":
		return false
	case m.unit == "allocs/op":
		return !peer && !strings.HasSuffix(who, "/ratio") && len(r[metric{m.bench, "B/entry"}]) == 0
	case m.unit == "ns/op":
		return !r.inTurn(m.bench) && len(r[metric{m.bench, "B/entry"}]) == 0
	}
	return true
}

// inTurn reports whether a benchmark was also run in turn with others, which tells its time better.
func (r results) inTurn(bench string) bool {
	i := strings.LastIndex(bench, "/")
	return len(r[metric{bench[:max(i, 0)] + "/ratio", "ns/" + bench[i+1:]}]) > 0
}

// numbers returns the numbers that any of a list was run with, in order.
func numbers(list []growth) []int {
	seen := map[int]bool{}
	for _, g := range list {
		for n := range g.values {
			seen[n] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// writeGrowth writes a table of Markdown for each benchmark.
func writeGrowth(w *bytes.Buffer, list []growth) {
	for len(list) > 0 {
		title, _, _ := strings.Cut(list[0].name, "/")
		n := slices.IndexFunc(list, func(g growth) bool { return g.name != title && !strings.HasPrefix(g.name, title+"/") })
		if n < 0 {
			n = len(list)
		}
		fmt.Fprintf(w, "\n### %s\n\n", title)
		writeColumns(w, list[:n])
		list = list[n:]
	}
}

// writeColumns writes a table of Markdown with a column for each number.
func writeColumns(w *bytes.Buffer, list []growth) {
	columns := numbers(list)
	fmt.Fprint(w, "| what | unit |")
	for _, n := range columns {
		fmt.Fprintf(w, " %d |", n)
	}
	fmt.Fprintf(w, "\n|---|---|%s\n", strings.Repeat("---|", len(columns)))
	for _, g := range list {
		fmt.Fprintf(w, "| %s | %s |", g.name, g.unit)
		for _, n := range columns {
			if v, ok := g.values[n]; ok {
				fmt.Fprintf(w, " %s |", cell(v, g.unit))
			} else {
				fmt.Fprint(w, " – |")
			}
		}
		fmt.Fprintln(w)
	}
}
