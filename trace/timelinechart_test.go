package trace

import (
	"fmt"
	"html"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestTicks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		total time.Duration
		want  string
		why   string
	}{
		{1, "0s 1ns", "the least"},
		{6, "0s 1ns 2ns 3ns 4ns 5ns 6ns", "seven are allowed"},
		{7, "0s 2ns 4ns 6ns", "eight are not"},
		{29 * time.Millisecond, "0s 5ms 10ms 15ms 20ms 25ms", "steps of five"},
		{31 * time.Millisecond, "0s 5ms 10ms 15ms 20ms 25ms 30ms", "six steps and a rest"},
		{time.Minute, "0s 10s 20s 30s 40s 50s 1m0s", "the end has a tick"},
		{1<<63 - 1, "0s 555555h33m20s 1111111h6m40s 1666666h40m0s 2222222h13m20s", "the most"},
	} {
		if got := strings.Trim(fmt.Sprint(ticks(row.total)), "[]"); got != row.want {
			t.Errorf("%v: got %s, want %s: %s", row.total, got, row.want, row.why)
		}
	}
}

func TestLabelShorten(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		in   label
		n    int
		want label
		why  string
	}{
		{label{"hit", "fresh"}, 9, label{"hit", "fresh"}, "it fits, with the space between"},
		{label{"hit", "fresh"}, 8, label{"hit", "fre…"}, "what comes last is cut"},
		{label{"hit", "fresh"}, 4, label{"hit", ""}, "no room for the rest"},
		{label{"validated", "fresh"}, 5, label{"vali…", ""}, "what comes first is cut last"},
		{label{"", "東京は夜"}, 6, label{"", "東京…"}, "wide characters"},
		{label{"hit", "fresh"}, 0, label{}, "no room at all"},
		{label{"hit", "fresh"}, -5, label{}, "less than none"},
	} {
		got := row.in
		got.shorten(row.n)
		if got != row.want {
			t.Errorf("%q to %d: got %q, want %q: %s", row.in, row.n, got, row.want, row.why)
		}
	}
}

// Whatever stands where: in a plot of any width from the least upwards no cell overlaps
// another one of its row, and none leaves the plot by more than its mark.
func TestLaneHasRoom(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 2000 {
		var l lane
		for range random.IntN(40) {
			x := cell{from: random.Float64(), text: make([]label, 1+random.IntN(2))}
			x.to = x.from
			for i := range x.text {
				x.text[i] = label{strings.Repeat("s", random.IntN(12)), strings.Repeat("r", random.IntN(120))}
			}
			if random.IntN(2) == 0 {
				x.to += (1 - x.from) * random.Float64()
				x.bars = []bar{{from: x.from, to: x.to}}
			}
			l.add(x)
		}
		for _, width := range []float64{plotWidth, 777, 1600} {
			ends := make([]float64, len(l.rows))
			for i := range ends {
				ends[i] = -markRoom - 0.01
			}
			for _, x := range l.cells {
				begin, end := x.extentIn(width)
				if begin < ends[x.row] || end > width+markRoom+0.01 {
					t.Fatalf("round %d: a cell from %v to %v in a plot of %v, behind one that ends at %v: %+v", round, begin, end, width, ends[x.row], x)
				}
				ends[x.row] = end
			}
		}
	}
}

// extentIn returns where a cell begins and ends in a plot of the width.
func (x *cell) extentIn(width float64) (begin, end float64) {
	room := 0.0
	if len(x.bars) == 0 {
		room = markRoom
	}
	text := x.place.at*width + x.place.pixels
	if x.place.end {
		text -= x.width()
	}
	return min(x.from*width-room, text), max(x.to*width+room, text+x.width())
}

// The chart of a call: what is a wait, what an exchange, where lanes are.
func TestChart(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	const second = time.Second
	exchange := func(at, took time.Duration, ended bool) *Exchange {
		return &Exchange{Start: start.Add(at), Duration: took, Ended: ended, Status: 200, Phases: Phases{Wait: took}}
	}
	r := recordedCall{
		Exchange: Exchange{Start: start, Duration: 10 * second, Ended: true, Status: 200, Method: "GET", URL: "http://example.com/"},
		returned: 9 * second,
		events: []timelineEvent{
			{layer: "foreign", action: "do"},
			{at: 1 * second, layer: "wire", action: "response", exchange: exchange(0, second, false)},
			{at: 2 * second, layer: "wire", action: "body", exchange: exchange(0, 2*second, true)},
			{at: 2 * second, layer: "retry", action: "retry", wait: 3 * second},
			{at: 4 * second, layer: "caching", action: "wait", took: 2 * second},
			{at: 4 * second, layer: "caching", action: "lookup", took: 1},
			{at: 5 * second, layer: "wire", action: "response", exchange: exchange(5*second, second, false)},
			{at: 8 * second, layer: "retry", action: "retry", wait: time.Hour},
			{at: 9 * second, layer: "caching", action: "hit", status: 200},
			{at: 9 * second, layer: "auth", action: "give up", level: slog.LevelWarn},
			{at: 12 * second, layer: "caching", action: "refresh", background: true, wait: second},
		},
	}
	c := r.chart()
	var got []string
	for _, l := range c.lanes {
		for _, x := range l.cells {
			s := fmt.Sprintf("%s %.1f–%.1f %s", l.name, x.from*12, x.to*12, x.kind)
			for _, b := range x.bars {
				s += fmt.Sprintf(" [%s %.1f–%.1f]", b.kind, b.from*12, b.to*12)
			}
			got = append(got, s)
		}
	}
	want := []string{
		"program 0.0–10.0 cached [called 0.0–9.0] [reading 9.0–10.0]", // 12 s, since the background goes on
		"caching 2.0–4.0  [waiting 2.0–4.0]",                          // what it has waited for
		"caching 4.0–4.0 ",                                            // what cannot be seen is a mark
		"caching 9.0–9.0 cached",
		"caching 12.0–12.0 background",       // a wait that has just begun
		"retry 2.0–5.0  [waiting 2.0–5.0]",   // what it will wait
		"retry 8.0–10.0  [waiting 8.0–10.0]", // the call has ended before
		"auth 9.0–9.0 warn",
		"foreign 0.0–0.0 ",
		"wire 0.0–2.0  [exchange 0.0–2.0] [wait 0.0–2.0]", // head and end are one
		"wire 5.0–6.0  [exchange 5.0–6.0] [wait 5.0–6.0]", // under way
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

// FuzzEscaped compares what a browser reads with what was written.
func FuzzEscaped(f *testing.F) {
	for _, s := range []string{"", `<a href="x">&amp;'</a>`, "&#60;", "é\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := escaped(s)
		if strings.ContainsAny(got, `<>"'`) || html.UnescapeString(got) != s {
			t.Errorf("%q is escaped as %q", s, got)
		}
	})
}

// FuzzShown holds what is recorded to its bound, whatever comes.
func FuzzShown(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[31mred", strings.Repeat("é", longest), "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := shown(s)
		if len(got) > 3*longest+len("…") || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) && r != utf8.RuneError }) {
			t.Errorf("%q is shown as %q", s, got)
		}
		if n := cells(cut(got, 20)); n > 20 {
			t.Errorf("%q is cut to %d", got, n)
		}
	})
}
