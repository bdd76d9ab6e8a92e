package trace

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A chart is the waterfall of a call: a lane for each layer, with a cell for each event and
// each exchange. Horizontally a cell stands at fractions of the width, vertically at pixels.
// The text beside it has a size of its own: the cells are packed for a plot of the width
// [plotWidth], and in a wider one there is only more room between them.
type chart struct {
	total time.Duration // what the width stands for
	ticks []time.Duration
	lanes []lane
}

// A lane has the cells of a layer, in rows.
type lane struct {
	name  string
	cells []cell
	rows  []row
}

// A row of a lane has cells of one height.
type row struct {
	height float64
	right  float64 // the end of the last cell
}

// A cell is an event or an exchange: a mark or a bar, and a label of one or two lines.
type cell struct {
	row      int
	from, to float64 // fractions of the width; equal for a mark
	bars     []bar   // none for a mark
	kind     string  // class for the style
	text     []label
	place    place
	hint     string // all that there is to say
}

// A bar is a part of a cell.
type bar struct {
	from, to float64
	kind     string // class for the style
	hint     string
}

// A label is a line of text, of which the first words matter most.
type label struct{ strong, rest string }

// A place is where a label begins, or where it ends if end is true: pixels from a fraction of
// the width.
type place struct {
	at, pixels float64
	end        bool
}

// Sizes in pixels.
const (
	plotWidth  = 600.0 // the least width of the plot
	charWidth  = 6.8   // of the font of labels, or a little less
	markRoom   = 8.0   // from the middle of a mark to its label
	cellGap    = 14.0  // between two cells of a row
	lineHeight = 15.0
	barHeight  = 10.0
	barRoom    = 9.0 // below a bar
	markHeight = 19.0
)

// layersInOrder are the layers of this module from the outermost inwards. Others come after
// them, in the order in which they were heard.
var layersInOrder = []string{"decompress", "redirects", "lostupdate", "caching", "compress", "retry", "auth", "transport"}

// chart lays out the call.
func (r *recordedCall) chart() chart {
	c := chart{total: r.span()}
	exchanges := r.exchanges()
	var lanes []lane
	add := func(name string, x cell) {
		i := slices.IndexFunc(lanes, func(l lane) bool { return l.name == name })
		if i < 0 {
			i = len(lanes)
			lanes = append(lanes, lane{name: name})
		}
		lanes[i].add(x)
	}
	add("program", r.programCell(&c))
	for i := range r.events {
		if e := &r.events[i]; e.exchange == nil {
			add(e.layer, e.cell(r, &c))
		}
	}
	for _, x := range exchanges {
		add(layerWire, x.exchangeCell(r, &c))
	}
	rank := func(l lane) int {
		switch i := slices.Index(layersInOrder, l.name); {
		case l.name == "program":
			return -1
		case l.name == layerWire:
			return len(layersInOrder) + 1
		case i >= 0:
			return i
		}
		return len(layersInOrder)
	}
	slices.SortStableFunc(lanes, func(a, b lane) int { return cmp.Compare(rank(a), rank(b)) })
	c.lanes, c.ticks = lanes, ticks(c.total)
	return c
}

// span returns the time from the start of the call to the last of what was made for it.
func (r *recordedCall) span() time.Duration {
	d := max(r.Duration, 1)
	for _, e := range r.events {
		d = max(d, e.at)
		if x := e.exchange; x != nil {
			d = max(d, x.Start.Add(x.Duration).Sub(r.Start))
		}
	}
	return d
}

// exchanges returns the last event of each exchange, in the order in which they began.
func (r *recordedCall) exchanges() []*timelineEvent {
	var all []*timelineEvent
	for i := range r.events {
		e := &r.events[i]
		if e.exchange == nil {
			continue
		}
		j := slices.IndexFunc(all, func(o *timelineEvent) bool {
			a, b := o.exchange, e.exchange
			return !a.Ended && b.Ended && a.Start.Equal(b.Start) && o.hop == e.hop && o.attempt == e.attempt && o.url == e.url
		})
		if j < 0 {
			all = append(all, e)
		} else {
			all[j] = e
		}
	}
	slices.SortStableFunc(all, func(a, b *timelineEvent) int { return a.exchange.Start.Compare(b.exchange.Start) })
	return all
}

// at returns the fraction of the width that stands for a time since the start.
func (c *chart) at(d time.Duration) float64 {
	return min(max(float64(d)/float64(c.total), 0), 1)
}

// programCell is the bar of the program: waiting for the response, then reading its body.
func (r *recordedCall) programCell(c *chart) cell {
	returned := r.returned
	if returned < 0 {
		returned = r.Duration
	}
	end := max(r.Duration, returned)
	x := cell{from: 0, to: c.at(end), hint: r.Method + " " + r.URL + ": " + r.outcome(), bars: []bar{
		{0, c.at(returned), "called", "until the response: " + rounded(returned)},
	}}
	text := "response after " + rounded(returned)
	switch {
	case r.returned < 0:
		text = "no response yet"
	case r.Status == 0:
		text = "no response"
		x.kind = "failed"
	default:
		x.bars = append(x.bars, bar{c.at(returned), c.at(end), "reading", "reading the body: " + rounded(end-returned)})
		text += ", body for " + rounded(end-returned)
		if r.err != "" {
			x.kind = "failed"
			text += ", broken"
		} else if r.fromCache() {
			x.kind = "cached"
			text += ", from the cache"
		}
	}
	x.text = []label{{"", text}}
	return x
}

// cell is the mark of a decision, or the bar of a wait.
func (e *timelineEvent) cell(r *recordedCall, c *chart) cell {
	x := cell{from: c.at(e.at), to: c.at(e.at), kind: e.kind(), hint: e.hint(r)}
	words := []string{e.reason}
	if e.status != 0 {
		words = append(words, strconv.Itoa(e.status))
	}
	begin, end := max(0, e.at-e.took), min(e.at+e.wait, c.total)
	if !e.background && r.Ended {
		end = max(e.at, min(end, r.Duration))
	}
	// What took less than a fiftieth of the width is a mark like the others.
	if end-begin > c.total/50 {
		x.from, x.to = c.at(begin), c.at(end)
		x.bars = []bar{{x.from, x.to, "waiting", rounded(end - begin)}}
		words = append(words, "waits "+rounded(end-begin))
	}
	x.text = []label{{e.action, joinWords(append(words, e.which()...))}}
	return x
}

// which says which of the requests of the call the event is about.
func (e *timelineEvent) which() (words []string) {
	if e.hop > 0 {
		words = append(words, "hop "+strconv.Itoa(e.hop))
	}
	if e.attempt > 1 {
		words = append(words, "attempt "+strconv.Itoa(e.attempt))
	}
	if e.background {
		words = append(words, "background")
	}
	return words
}

// kind returns what the style distinguishes.
func (e *timelineEvent) kind() string {
	switch {
	case e.level >= levelWarn:
		return "warn"
	case e.cached():
		return "cached"
	case e.background:
		return "background"
	}
	return ""
}

// hint returns the event as one line.
func (e *timelineEvent) hint(r *recordedCall) string {
	return e.layer + ": " + e.action + " " + e.why(r.URL) + ", at " + rounded(e.at)
}

// exchangeCell is the bar of an exchange, with its phases.
func (e *timelineEvent) exchangeCell(r *recordedCall, c *chart) cell {
	x := e.exchange
	begin := x.Start.Sub(r.Start)
	v := cell{from: c.at(begin), to: c.at(begin + x.Duration), hint: e.hint(r), kind: e.kind()}
	v.bars = append(v.bars, bar{v.from, v.to, "exchange", ""})
	at := begin
	for _, p := range x.Phases.each() {
		if p.took > 0 {
			v.bars = append(v.bars, bar{c.at(at), c.at(at + p.took), p.name, p.name + " " + rounded(p.took)})
		}
		at += p.took
	}
	status, came := strconv.Itoa(x.Status), size(x.Received)
	switch {
	case x.Status == 0:
		status, came, v.kind = "failed", "", "failed"
	case e.err != "":
		came, v.kind = came+", broken", "failed"
	case !x.Ended:
		came = "under way"
	}
	words := append(e.which(), came, rounded(x.Duration)+" "+x.Phases.text())
	v.text = []label{{status, e.method + " " + short(e.url)}, {"", joinWords(words)}}
	return v
}

// short returns a URL as it is shown where there is little room.
func short(u string) string {
	return strings.TrimPrefix(strings.TrimPrefix(u, "https://"), "http://")
}

func joinWords(words []string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " · ")
}
