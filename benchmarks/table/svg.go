package main

import (
	"bytes"
	"fmt"
	"html"
)

// chart is a chart of horizontal bars. Bars are as long as their values are large.
type chart struct {
	title, about string  // about says in words what is seen
	most         float64 // where longer bars are cut; zero: nowhere
	groups       []group
}

// group is a work, and a bar for each of those who do it.
type group struct {
	label string
	bars  []bar
}

// bar is a value, who has it, and how it is written.
type bar struct {
	name, text string
	value      float64
	ours       bool
}

const (
	chartWidth = 820
	labelWidth = 250
	barsWidth  = 380
	barHeight  = 16
	groupGap   = 14
)

// The colours follow the reader's. Text on both grounds has a contrast of 7 at least, bars one of 3.
const chartStyle = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.ours { fill: #0b6bcb } .other { fill: #8c959f } .ground { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #f0f3f6 }
.ours { fill: #58a6ff } .other { fill: #7d8590 } .ground { fill: #0d1117 }
}
</style>
`

// write writes c as SVG.
func (c chart) write(w *bytes.Buffer) {
	longest, height := 0.0, 44
	for _, g := range c.groups {
		height += groupGap + len(g.bars)*(barHeight+4)
		for _, b := range g.bars {
			longest = max(longest, b.value)
		}
	}
	if c.most > 0 {
		longest = min(longest, c.most)
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title about">
<title id="title">%s</title>
<desc id="about">%s</desc>
%s<rect class="ground" width="%d" height="%d" rx="6"/>
<text class="title" x="16" y="28">%s</text>
`, chartWidth, height, chartWidth, height, html.EscapeString(c.title), html.EscapeString(c.about), chartStyle, chartWidth, height, html.EscapeString(c.title))
	y := 44
	for _, g := range c.groups {
		fmt.Fprintf(w, `<text x="16" y="%d">%s</text>`+"\n", y+barHeight-3, html.EscapeString(g.label))
		for _, b := range g.bars {
			class := "other"
			if b.ours {
				class = "ours"
			}
			length := 1.0
			if longest > 0 {
				length = max(1, min(b.value/longest, 1)*barsWidth)
			}
			if b.value > longest {
				b.name += ", cut"
			}
			fmt.Fprintf(w, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/><text x="%.1f" y="%d">%s %s</text>`+"\n",
				class, labelWidth, y, length, barHeight, labelWidth+length+6, y+barHeight-3, html.EscapeString(b.text), html.EscapeString(b.name))
			y += barHeight + 4
		}
		y += groupGap
	}
	fmt.Fprintln(w, "</svg>")
}

// ratios returns the bars of rows: ours and those of others, as ratios to the floor.
func ratios(r results, title, about string, rows []row) chart {
	c := chart{title: title, about: about, most: 12}
	for _, row := range rows {
		ours, ok := r.get(row.ours)
		if !ok || !isRatio(row.ours.unit) {
			continue
		}
		g := group{label: row.work, bars: []bar{{"tripper", cell(ours, row.ours.unit), ours, true}}}
		for _, p := range row.peers {
			if v, ok := r.get(p); ok {
				g.bars = append(g.bars, bar{peerName(p), cell(v, p.unit), v, false})
			}
		}
		c.groups = append(c.groups, g)
	}
	return c
}

// growing returns the bars of benchmarks with a number in their names, a group for each number.
func growing(title, about, label string, list []growth) chart {
	c := chart{title: title, about: about}
	for _, n := range numbers(list) {
		g := group{label: fmt.Sprintf(label, n)}
		for _, x := range list {
			if v, ok := x.values[n]; ok {
				name := peerName(metric{x.name, x.unit})
				if name == "ours" {
					name = "tripper"
				}
				g.bars = append(g.bars, bar{name, cell(v, x.unit), v, name == "tripper"})
			}
		}
		c.groups = append(c.groups, g)
	}
	return c
}
