package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// row is a line of the table: a work, what it costs at least, what it costs here, and what is to be reached.
type row struct {
	work  string
	floor metric   // what the least costs; a zero metric: it is 1 by definition
	ours  metric   // what it costs here: a ratio to the floor, or of any unit
	peers []metric // the same of others
	less  float64  // at most

	allocs    metric
	bare      metric // allocations that are not counted
	maxAllocs float64
}

// verdict is whether a row is met.
type verdict string

const (
	met      verdict = "yes"
	missed   verdict = "**no**"
	unknown  verdict = "not measured"
	noTarget verdict = "–"
)

// judge returns whether what was measured is what is to be reached. Targets and values of 0 are none.
func judge(ours, most, allocs, mostAllocs float64, measured bool) verdict {
	switch {
	case !measured:
		return unknown
	case most == 0 && mostAllocs == 0:
		return noTarget
	case most > 0 && rounded(ours) > most, mostAllocs > 0 && allocs > mostAllocs:
		return missed
	}
	return met
}

// rounded is v as it is shown: what cannot be read in the table decides nothing.
func rounded(v float64) float64 {
	r, _ := strconv.ParseFloat(number(v), 64)
	return r
}

// number writes v with three digits that count, at most.
func number(v float64) string {
	switch {
	case v == 0 || math.Abs(v) >= 100:
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// cell writes a value with its unit. A ratio, of a unit like "ours/floor", has a multiplication sign.
func cell(v float64, unit string) string {
	name, _, _ := strings.Cut(unit, "/")
	switch {
	case name == "ns" || strings.HasSuffix(name, "-ns"):
		if v >= 1e9 {
			return number(v/1e9) + " s"
		}
		if v >= 1e6 {
			return number(v/1e6) + " ms"
		}
		if v >= 1e3 {
			return number(v/1e3) + " µs"
		}
		return number(v) + " ns"
	case strings.HasSuffix(name, "-ms"):
		return number(v) + " ms"
	case strings.HasPrefix(unit, "%"):
		return number(v) + " %"
	case strings.HasSuffix(name, "-us"), name == "µs":
		return number(v) + " µs"
	case unit == "s/GC":
		return number(v*1e3) + " ms"
	case strings.HasPrefix(unit, "B/"):
		return number(v) + " B"
	case strings.Contains(unit, "MiB"):
		return number(v) + " MiB"
	case strings.Contains(unit, "KiB"):
		return number(v) + " KiB"
	case isRatio(unit):
		return number(v) + " ×"
	}
	return number(v)
}

// isRatio reports whether a unit is that of a ratio to one of the floors, and not of the time of a floor.
func isRatio(unit string) bool {
	name, of, ok := strings.Cut(unit, "/")
	time := name == "ns" || strings.HasSuffix(name, "-ns") || strings.HasSuffix(name, "-ms") || strings.HasSuffix(name, "-us")
	return ok && !time && slices.Contains([]string{"floor", "bare", "static", "asking", "1", "gzhttp"}, of)
}

// peerName is who a value is of.
func peerName(m metric) string {
	name, of, _ := strings.Cut(m.unit, "/")
	if !isRatio(m.unit) { // the name is that of the benchmark, or stands behind the unit
		if name = of; name == "op" || name == "entry" || name == "GC" {
			name = m.bench[strings.LastIndex(m.bench, "/")+1:]
		}
	}
	return name
}

// write writes rows as a table of Markdown.
func write(w *bytes.Buffer, r results, rows []row) {
	fmt.Fprintln(w, "| work | floor | here | others | allocs | to reach | met |\n|---|---|---|---|---|---|---|")
	for _, row := range rows {
		ours, measured := r.get(row.ours)
		here, floor, reach := "–", "–", []string{}
		if measured {
			here = cell(ours, row.ours.unit)
		}
		if v, ok := r.get(row.floor); ok {
			floor = cell(v, row.floor.unit)
		}
		var others []string
		for _, p := range row.peers {
			if v, ok := r.get(p); ok {
				others = append(others, peerName(p)+" "+cell(v, p.unit))
			}
		}
		if len(others) == 0 {
			others = []string{"–"}
		}
		if row.less > 0 {
			reach = append(reach, "≤ "+cell(row.less, row.ours.unit))
		}
		allocs, text := 0.0, "–"
		if v, ok := r.get(row.allocs); ok {
			bare, _ := r.get(row.bare)
			allocs, text = v-bare, number(v-bare)
			if row.bare != (metric{}) && v >= bare {
				text = "+" + text
			}
		} else if row.maxAllocs > 0 {
			measured = false
		}
		if row.maxAllocs > 0 {
			reach = append(reach, "≤ "+number(row.maxAllocs)+" allocs")
		}
		if len(reach) == 0 {
			reach = []string{"–"}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", row.work, floor, here,
			strings.Join(others, ", "), text, strings.Join(reach, ", "), judge(ours, row.less, allocs, row.maxAllocs, measured))
	}
}
