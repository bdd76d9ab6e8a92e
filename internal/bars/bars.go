// Package bars draws charts of horizontal bars as SVG, for the documents of this repository.
package bars

import (
	"bytes"
	"fmt"
	"html"
)

// Chart is a chart of horizontal bars. They begin at zero, and are as long as their values are large.
type Chart struct {
	Title, About string // About says in words what is seen
	// Most is the longest that a bar gets. Bars of more are cut, and look like it. If zero, no
	// bar is cut.
	Most float64
	// End is the least value that the width stands for.
	End float64
	// Mark is a value that a line is drawn at, and MarkText what it is; none if zero.
	Mark     float64
	MarkText string
	Groups   []Group
	Note     string // a line below
}

// Group is a work, and a bar for each of those who do it.
type Group struct {
	Label string
	Bars  []Bar
}

// Bar is a value, who has it, and how it is written.
type Bar struct {
	Name, Text string
	Value      float64
	Ours       bool
}

// Sizes in pixels.
const (
	width      = 820
	barsWidth  = 560
	lineHeight = 19
	barHeight  = 16
	barGap     = 4
	groupGap   = 14
	border     = 16
)

// The colors follow the reader's. Text on both grounds has a contrast of 7 at least, bars one of 3.
const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
.title { font-size: 15px; font-weight: 600 } .small { font-size: 12px }
.ours { fill: #0b6bcb } .other { fill: #8c959f } .ground { fill: #ffffff }
.mark { stroke: #1f2328; stroke-dasharray: 3 3 } .cut { stroke: #ffffff; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f3f6; stroke: #0d1117 }
.ours { fill: #58a6ff } .other { fill: #7d8590 } .ground { fill: #0d1117 }
.mark { stroke: #f0f3f6 } .cut { stroke: #0d1117 }
}
</style>
`

// SVG returns the drawing of c.
func (c Chart) SVG() []byte {
	end := max(c.End, 1e-9)
	for _, g := range c.Groups {
		for _, b := range g.Bars {
			end = max(end, b.Value)
		}
	}
	if c.Most > 0 {
		end = min(end, c.Most)
	}
	at := func(v float64) float64 { return border + min(v/end, 1)*barsWidth }
	var body bytes.Buffer
	y := 44
	if c.MarkText != "" {
		y += 22
	}
	for _, g := range c.Groups {
		fmt.Fprintf(&body, `<text x="%d" y="%d">%s</text>`+"\n", border, y+barHeight-3, html.EscapeString(g.Label))
		y += lineHeight
		begin := y
		for _, b := range g.Bars {
			b.drawBar(&body, at(b.Value), y, b.Value > end)
			y += barHeight + barGap
		}
		if c.MarkText != "" {
			fmt.Fprintf(&body, `<path class="mark" d="M%.1f %dV%d"/>`+"\n", at(c.Mark), begin-2, y-2)
		}
		for i, b := range g.Bars {
			b.drawText(&body, at(b.Value), begin+i*(barHeight+barGap))
		}
		y += groupGap
	}
	if c.MarkText != "" {
		fmt.Fprintf(&body, `<path class="mark" d="M%d 47h20"/><text class="small" x="%d" y="51">%s</text>`+"\n", border, border+26, html.EscapeString(c.MarkText))
	}
	if c.Note != "" {
		fmt.Fprintf(&body, `<text class="small" x="%d" y="%d">%s</text>`+"\n", border, y+8, html.EscapeString(c.Note))
		y += 22
	}
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title about">
<title id="title">%[3]s</title>
<desc id="about">%[4]s</desc>
%[5]s<rect class="ground" width="%[1]d" height="%[2]d" rx="6"/>
<text class="title" x="%[6]d" y="28">%[3]s</text>
%[7]s</svg>
`, width, y, html.EscapeString(c.Title), html.EscapeString(c.About), style, border, body.Bytes())
	return svg.Bytes()
}

// drawBar draws the bar to the given end. One that is cut has a gap before it.
func (b Bar) drawBar(w *bytes.Buffer, end float64, y int, cut bool) {
	class := "other"
	if b.Ours {
		class = "ours"
	}
	fmt.Fprintf(w, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`, class, border, y, max(1, end-border), barHeight)
	if cut {
		fmt.Fprintf(w, `<path class="cut" d="M%.1f %dl8 %d"/>`, end-20, y+barHeight+1, -barHeight-2)
	}
	w.WriteByte('\n')
}

// drawText writes behind the end of a bar.
func (b Bar) drawText(w *bytes.Buffer, end float64, y int) {
	fmt.Fprintf(w, `<text x="%.1f" y="%d">%s %s</text>`+"\n", end+6, y+barHeight-3, html.EscapeString(b.Name), html.EscapeString(b.Text))
}
