package trace

import (
	"bufio"
	_ "embed" // for the style
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

//go:embed timeline.css
var timelineStyle string

// WritePage writes the calls as one HTML page for a browser: for each a waterfall with a lane
// for each layer, and a table of its events. The page needs no other file and no script, and
// allows none. Calls that are still under way are shown as far as they have come.
func (t *Timeline) WritePage(w io.Writer) error {
	b := bufio.NewWriter(w)
	p := page{b}
	p.calls(t.recorded())
	return b.Flush()
}

// A page is an HTML page that is being written.
type page struct{ w *bufio.Writer }

// A pct is a fraction that is written in percent.
type pct float64

// String implements [fmt.Stringer].
func (p pct) String() string {
	return strconv.FormatFloat(float64(p*100), 'f', 3, 64) + "%"
}

// put writes text. All strings among the arguments are escaped. What cannot be written is
// told by the Flush of the Writer.
func (p page) put(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = escaped(s)
		}
	}
	_, _ = fmt.Fprintf(p.w, format, args...)
}

// escaped returns s as text of HTML, or as the value of an attribute in quotes. The package
// html would be in every program that imports this one.
func escaped(s string) string {
	var b strings.Builder
	for {
		n := strings.IndexAny(s, `&<>"'`)
		if n < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:n])
		fmt.Fprintf(&b, "&#%d;", s[n])
		s = s[n+1:]
	}
}

const pageHead = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<title>%s</title>
<style>
`

// The pattern of waits, which all charts use.
const pageBody = `</style>
</head>
<body>
<svg class="defs" width="0" height="0" aria-hidden="true"><defs>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6"/><path d="M1.5 0V6"/></pattern>
</defs></svg>
`

func (p page) calls(calls []recordedCall) {
	title := count(len(calls), "call")
	if len(calls) == 1 {
		title = calls[0].Method + " " + calls[0].URL
	}
	p.put(pageHead, title+" – timeline")
	_, _ = p.w.WriteString(timelineStyle + pageBody)
	p.put("<header>\n<h1>%s</h1>\n<p>%s</p>\n</header>\n", title, summary(calls))
	p.legend()
	if len(calls) > 1 {
		p.overview(calls)
	}
	for i := range calls {
		p.call(i+1, &calls[i], len(calls) == 1)
	}
	p.put("</body>\n</html>\n")
}

// summary says how much of what there is.
func summary(calls []recordedCall) string {
	var exchanges, cached, failed int
	var received int64
	for i := range calls {
		r := &calls[i]
		for _, e := range r.exchanges() {
			exchanges++
			received += e.exchange.Received
		}
		switch {
		case r.err != "":
			failed++
		case r.fromCache():
			cached++
		}
	}
	parts := []string{count(exchanges, "exchange") + " with servers", size(received) + " of bodies received"}
	if cached > 0 {
		parts = append(parts, strconv.Itoa(cached)+" from the cache")
	}
	if failed > 0 {
		parts = append(parts, strconv.Itoa(failed)+" failed")
	}
	if len(calls) > 0 {
		parts = append(parts, "from "+calls[0].Start.Format("2 Jan 2006 15:04:05 MST"))
	}
	return joinWords(parts)
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// legend says what marks and colors mean.
func (p page) legend() {
	p.put("<ul class=\"legend\" aria-label=\"Legend\">\n")
	for _, item := range []struct{ kind, text string }{
		{"mark", "decision"}, {"mark cached", "from the cache"}, {"mark warn", "warning"},
	} {
		p.put(`<li><svg width="12" height="12" aria-hidden="true"><svg class="cell %s" x="6" y="6">`, item.kind)
		p.mark(item.kind)
		p.put("</svg></svg>%s</li>\n", item.text)
	}
	for _, kind := range []string{"called", "reading", "waiting"} {
		p.swatch(kind, map[string]string{"called": "call until the response", "reading": "body read by the program", "waiting": "wait of a layer"}[kind])
	}
	for _, phase := range (Phases{}).each() {
		p.swatch(phase.name, phase.name)
	}
	p.put("</ul>\n")
}

func (p page) swatch(kind, text string) {
	p.put(`<li><svg width="20" height="10" aria-hidden="true"><rect class="bar %s" x="0.5" y="0.5" width="19" height="9"/></svg>%s</li>`+"\n", kind, text)
}

// call writes what there is of a call.
func (p page) call(n int, r *recordedCall, open bool) {
	c := r.chart()
	p.put("<section id=\"call-%d\" aria-labelledby=\"title-%d\">\n", n, n)
	p.put("<h2 id=\"title-%d\"><span class=\"number\">%d</span> %s <span class=\"url\">%s</span></h2>\n", n, n, r.Method, r.URL)
	p.put("<p class=\"outcome %s\" id=\"outcome-%d\">%s</p>\n", r.kind(), n, r.outcome())
	p.chart(&c, "title-"+strconv.Itoa(n), "outcome-"+strconv.Itoa(n))
	p.table(r, open)
	p.put("</section>\n")
}

// kind returns what the style distinguishes.
func (r *recordedCall) kind() string {
	switch {
	case r.err != "":
		return "failed"
	case r.fromCache():
		return "cached"
	}
	return ""
}

// table writes the events as they are in the text.
func (p page) table(r *recordedCall, open bool) {
	if len(r.events) == 0 {
		return
	}
	attr := ""
	if open {
		attr = " open"
	}
	p.put("<details%s>\n<summary>%s</summary>\n<table>\n", attr, count(len(r.events)+r.more, "event"))
	p.put("<thead><tr><th scope=\"col\">Offset</th><th scope=\"col\">Layer</th><th scope=\"col\">Decision</th><th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n")
	for i := range r.events {
		e := &r.events[i]
		p.put("<tr class=\"%s\"><td>%.2f ms</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", e.kind(), ms(e.at), e.layer, e.action, e.why(r.URL))
	}
	if r.more > 0 {
		p.put("<tr><td></td><td></td><td></td><td>and %d more events</td></tr>\n", r.more)
	}
	p.put("</tbody>\n</table>\n</details>\n")
}

// overview writes a bar for each call, on one axis.
func (p page) overview(calls []recordedCall) {
	first, total := calls[0].Start, time.Duration(1)
	for i := range calls {
		total = max(total, calls[i].Start.Sub(first)+calls[i].Duration)
	}
	c := chart{total: total, ticks: ticks(total)}
	p.put("<section aria-labelledby=\"overview\">\n<h2 id=\"overview\">Overview</h2>\n")
	height := axisHeight + float64(len(calls))*overviewHeight + 4
	p.open(&c, height, "overview", "overview")
	for i := range calls {
		r := &calls[i]
		y := axisHeight + float64(i)*overviewHeight
		begin := r.Start.Sub(first)
		from, to := c.at(begin), c.at(begin+r.Duration)
		x := cell{from: from, to: to, bars: []bar{{}}, text: []label{{r.brief(), joinWords([]string{rounded(r.Duration), r.Method + " " + short(r.URL)})}}}
		x.fitLine()
		p.put(`<a href="#call-%d"><title>%s</title>`, i+1, r.Method+" "+r.URL+": "+r.outcome())
		p.put(`<rect class="bar called %s" x="%v" y="%.1f" width="%v" height="%.0f"/>`, r.kind(), pct(from), y+2, pct(max(to-from, 0.001)), overviewHeight-4)
		p.put(`<text class="name" x="%.0f" y="%.1f">%d</text>`, -nameWidth, y+14, i+1)
		p.labels(&x, y+14)
		p.put("</a>\n")
	}
	p.put("</svg>\n</section>\n")
}

// brief says in few words what became of the call.
func (r *recordedCall) brief() string {
	what := strconv.Itoa(r.Status)
	switch {
	case r.err != "":
		what = "failed"
	case r.Status == 0 || !r.Ended:
		what = "under way"
	case r.fromCache():
		what += " from the cache"
	}
	return what
}
