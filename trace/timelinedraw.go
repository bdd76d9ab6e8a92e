package trace

import "time"

// More sizes in pixels.
const (
	nameWidth      = 104.0 // of the names of the lanes, left of the plot
	nameChars      = 14
	axisHeight     = 24.0
	lanePadding    = 6.0
	overviewHeight = 20.0
)

// open begins a chart: the axis, and a line for each of its times.
func (p page) open(c *chart, height float64, labelledBy, describedBy string) {
	p.put("<svg class=\"chart\" role=\"img\" height=\"%.0f\" aria-labelledby=\"%s\" aria-describedby=\"%s\">\n", height, labelledBy, describedBy)
	for _, t := range c.ticks {
		at := c.at(t)
		p.put(`<line class="grid" x1="%v" x2="%v" y1="%.0f" y2="%.0f"/>`, pct(at), pct(at), axisHeight-6, height)
		if text := tickText(t); at*plotWidth+float64(cells(text))*charWidth <= plotWidth {
			p.put(`<text class="tick" x="%v" y="12">%s</text>`, pct(at), text)
		}
		p.put("\n")
	}
}

func tickText(t time.Duration) string {
	if t == 0 {
		return "0"
	}
	return t.String()
}

// chart draws a chart.
func (p page) chart(c *chart, labelledBy, describedBy string) {
	height := axisHeight
	for i := range c.lanes {
		height += c.lanes[i].height()
	}
	p.open(c, height, labelledBy, describedBy)
	y := axisHeight
	for i := range c.lanes {
		p.lane(&c.lanes[i], y)
		y += c.lanes[i].height()
	}
	p.put("</svg>\n")
}

func (l *lane) height() float64 {
	h := 2 * lanePadding
	for _, r := range l.rows {
		h += r.height
	}
	return h
}

func (p page) lane(l *lane, y float64) {
	p.put("<line class=\"rule\" x1=\"%.0f\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>\n", -nameWidth, y, y)
	y += lanePadding
	p.put("<text class=\"name\" x=\"%.0f\" y=\"%.1f\">%s</text>\n", -nameWidth, y+13, cut(l.name, nameChars))
	tops := make([]float64, len(l.rows))
	for i, r := range l.rows {
		tops[i] = y
		y += r.height
	}
	for i := range l.cells {
		p.cell(&l.cells[i], tops[l.cells[i].row])
	}
}

func (p page) cell(x *cell, y float64) {
	p.put(`<g class="cell %s"><title>%s</title>`, x.kind, x.hint)
	if len(x.bars) == 0 {
		p.put(`<svg class="mark" x="%v" y="%.1f">`, pct(x.from), y+9)
		p.mark(x.kind)
		p.put("</svg>")
		p.labels(x, y+13)
		p.put("</g>\n")
		return
	}
	p.labels(x, y+12)
	y += float64(len(x.text)) * lineHeight
	for _, b := range x.bars {
		p.put(`<rect class="bar %s" x="%v" y="%.1f" width="%v" height="%.0f">`, b.kind, pct(b.from), y+2, pct(b.to-b.from), barHeight)
		if b.hint != "" {
			p.put("<title>%s</title>", b.hint)
		}
		p.put("</rect>")
	}
	p.put("</g>\n")
}

// mark draws the mark of a decision around the origin.
func (p page) mark(kind string) {
	switch kind {
	case "cached", "mark cached":
		p.put(`<path d="M0-5 5 0 0 5-5 0z"/>`)
	case "warn", "mark warn":
		p.put(`<path d="M0-5 5.2 4H-5.2z"/>`)
	default:
		p.put(`<circle r="3.2"/>`)
	}
}

// labels writes the label of a cell.
func (p page) labels(x *cell, y float64) {
	for _, t := range x.text {
		class := "start"
		if x.place.end {
			class = "end"
		}
		p.put(`<text class="%s" x="%v" dx="%.1f" y="%.1f">`, class, pct(x.place.at), x.place.pixels, y)
		if t.strong != "" {
			p.put(`<tspan>%s</tspan> `, t.strong)
		}
		p.put("%s</text>", t.rest)
		y += lineHeight
	}
}
