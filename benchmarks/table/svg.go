package main

import (
	"fmt"
	"slices"

	"github.com/tripper-go/tripper/internal/bars"
)

// ratios returns the bars of the section of that name: ours and those of others, as ratios to
// the floor.
func ratios(r results, title, about, section string) bars.Chart {
	c := bars.Chart{Title: title, About: about, Most: 12, Mark: 1, MarkText: "the floor"}
	for _, row := range rowsOf(section) {
		ours, ok := r.get(row.ours)
		if !ok || !isRatio(row.ours.unit) {
			continue
		}
		g := bars.Group{Label: row.work, Bars: []bars.Bar{{Name: "tripper", Text: cell(ours, row.ours.unit), Value: ours, Ours: true}}}
		for _, p := range row.peers {
			if v, ok := r.get(p); ok {
				g.Bars = append(g.Bars, bars.Bar{Name: peerName(p), Text: cell(v, p.unit), Value: v})
			}
		}
		c.Groups = append(c.Groups, g)
	}
	return c
}

// growing returns the bars of benchmarks with a number in their names, a group for each number.
func growing(title, about, label string, list []growth) bars.Chart {
	c := bars.Chart{Title: title, About: about}
	for _, n := range numbers(list) {
		g := bars.Group{Label: fmt.Sprintf(label, n)}
		for _, x := range list {
			if v, ok := x.values[n]; ok {
				b := bars.Bar{Name: peerName(metric{x.name, x.unit}), Text: cell(v, x.unit), Value: v}
				if b.Name == "ours" {
					b.Name, b.Ours = "tripper", true
					g.Bars = slices.Insert(g.Bars, 0, b)
					continue
				}
				g.Bars = append(g.Bars, b)
			}
		}
		c.Groups = append(c.Groups, g)
	}
	return c
}

// rowsOf returns the rows of the section of that name.
func rowsOf(name string) []row {
	return sections[slices.IndexFunc(sections, func(s section) bool { return s.title == name })].rows
}
