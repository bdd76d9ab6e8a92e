package trace

import (
	"log/slog"
	"time"
	"unicode/utf8"
)

const levelWarn = slog.LevelWarn

// add puts a cell into the first row where it fits, or a new one.
func (l *lane) add(x cell) {
	x.fit()
	h := x.height()
	begin, end := x.extent()
	for i := range l.rows {
		if r := &l.rows[i]; r.height == h && r.right+cellGap <= begin {
			x.row, r.right = i, end
			l.cells = append(l.cells, x)
			return
		}
	}
	x.row = len(l.rows)
	l.rows = append(l.rows, row{h, end})
	l.cells = append(l.cells, x)
}

// fit finds a place for the label: above a bar, or beside a mark. It is shortened if there is
// no room.
func (x *cell) fit() {
	if len(x.bars) > 0 {
		x.shorten(plotWidth)
		x.place = place{at: x.from, pixels: min(0, plotWidth-x.from*plotWidth-x.width())}
		return
	}
	before, after := x.from*plotWidth-markRoom, (1-x.from)*plotWidth-markRoom
	if x.width() <= after || after >= before {
		x.shorten(after)
		x.place = place{at: x.from, pixels: markRoom}
		return
	}
	x.shorten(before)
	x.place = place{at: x.from, pixels: -markRoom, end: true}
}

// fitLine finds a place for the label in the line of its bar: on it, behind it or before it,
// where it fits first, or else where most of it does.
func (x *cell) fitLine() {
	rooms := []struct {
		room float64
		place
	}{
		{(x.to-x.from)*plotWidth - 2*markRoom, place{at: x.from, pixels: markRoom}},
		{(1-x.to)*plotWidth - markRoom, place{at: x.to, pixels: markRoom}},
		{x.from*plotWidth - markRoom, place{at: x.from, pixels: -markRoom, end: true}},
	}
	best := rooms[0]
	for _, r := range rooms {
		if best.room < x.width() && r.room > best.room {
			best = r
		}
	}
	x.shorten(best.room)
	x.place = best.place
}

func (x *cell) shorten(room float64) {
	for i := range x.text {
		x.text[i].shorten(int(room / charWidth))
	}
}

// width returns the width of the label.
func (x *cell) width() float64 {
	n := 0
	for _, t := range x.text {
		n = max(n, t.cells())
	}
	return float64(n) * charWidth
}

func (x *cell) height() float64 {
	if len(x.bars) == 0 {
		return markHeight
	}
	return float64(len(x.text))*lineHeight + barHeight + barRoom
}

// extent returns where the cell begins and ends in a plot of [plotWidth]. In a wider plot
// cells that do not overlap here do not overlap either: the distance between the fractions
// that they stand at grows, and what is beside these has the same size.
func (x *cell) extent() (begin, end float64) {
	begin, end = x.from*plotWidth, x.to*plotWidth
	if len(x.bars) == 0 {
		begin, end = begin-markRoom, end+markRoom
	}
	text := x.place.at*plotWidth + x.place.pixels
	if x.place.end {
		return min(begin, text-x.width()), end
	}
	return min(begin, text), max(end, text+x.width())
}

// cells returns the width of the label in characters.
func (t label) cells() int {
	n := cells(t.strong) + cells(t.rest)
	if t.strong != "" && t.rest != "" {
		n++
	}
	return n
}

// cells returns the width of s in characters of a font of one width. Those of East Asia, and
// emoji, are wide.
func cells(s string) (n int) {
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	if r < 0x1100 || r == '…' || r == utf8.RuneError {
		return 1
	}
	return 2
}

// shorten cuts the label to n characters.
func (t *label) shorten(n int) {
	if t.cells() <= n {
		return
	}
	t.strong = cut(t.strong, n)
	if t.strong != "" {
		n -= cells(t.strong) + 1
	}
	t.rest = cut(t.rest, n)
}

// cut cuts s to n characters, the last of which says so.
func cut(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	if n < 2 {
		return ""
	}
	n--
	for i, r := range s {
		if n -= runeCells(r); n < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// ticks returns the times to name on an axis: round ones, seven at most.
func ticks(total time.Duration) (all []time.Duration) {
	step := time.Duration(1)
	for i := 0; total/step > 6; i++ { // 1, 2, 5, 10, …
		if i%3 == 1 {
			step = step / 2 * 5
		} else {
			step *= 2
		}
	}
	for n := range total/step + 1 {
		all = append(all, n*step)
	}
	return all
}
