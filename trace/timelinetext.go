package trace

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// WriteTo writes the calls as text: a line for each call, and below it one for each event,
// with the time since the call began, the layer, what it decided and why. The lines of [Wire]
// have the status, the bytes and the phases of an exchange. Calls that are still under way are
// written as far as they have come. The form of the text may change.
func (t *Timeline) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	for i, c := range t.recorded() {
		if i > 0 {
			b.WriteByte('\n')
		}
		c.writeText(&b)
	}
	return b.WriteTo(w)
}

func (r *recordedCall) writeText(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s %s: %s\n", r.Method, r.URL, r.outcome())
	for i := range r.events {
		e := &r.events[i]
		line := fmt.Sprintf("%10.2f ms  %-10s  %-11s  %s", ms(e.at), e.layer, e.action, e.why(r.URL))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if r.more > 0 {
		fmt.Fprintf(b, "%13s  and %d more events\n", "", r.more)
	}
}

// outcome says what became of the call.
func (r *recordedCall) outcome() string {
	var parts []string
	switch {
	case r.err != "":
		parts = append(parts, "failed", "after "+rounded(r.Duration))
	case r.Status == 0 && r.Ended:
		parts = append(parts, "no response", "after "+rounded(r.Duration))
	case r.Status == 0:
		parts = append(parts, "under way", "for "+rounded(r.Duration))
	default:
		parts = append(parts, strconv.Itoa(r.Status), size(r.Received)+" in "+rounded(r.Duration))
	}
	if r.Status != 0 {
		if r.fromCache() {
			parts = append(parts, "from the cache")
		}
		switch {
		case !r.Ended:
			parts = append(parts, "under way")
		case r.err == "" && !r.Complete:
			parts = append(parts, "closed before its end")
		}
	}
	s := strings.Join(parts, ", ")
	if r.err != "" {
		s += ": " + r.err
	}
	return s
}

// why returns all that there is to say about an event beside its action. The URL is left out
// if it is that of the call.
func (e *timelineEvent) why(callURL string) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	add(e.reason)
	if e.status != 0 {
		add("[" + strconv.Itoa(e.status) + "]")
	}
	if x := e.exchange; x != nil && x.Ended {
		if x.Status != 0 {
			add(size(x.Received) + " in " + rounded(x.Duration))
		} else {
			add("after " + rounded(x.Duration))
		}
		add(x.Phases.text())
	}
	for _, s := range e.which() {
		add(s)
	}
	if e.url != callURL {
		add("url=" + e.url)
	}
	add(e.attrs)
	s := strings.Join(parts, " ")
	if e.err != "" {
		s += ": " + e.err
	}
	return s
}

// A timelinePhase is one of [Phases], for people to read.
type timelinePhase struct {
	name string
	took time.Duration
}

// each returns the phases in the order in which they took place. Connect is without TLS.
func (p Phases) each() []timelinePhase {
	return []timelinePhase{
		{"blocked", p.Blocked},
		{"DNS", p.DNS},
		{"connect", p.Connect - p.TLS},
		{"TLS", p.TLS},
		{"send", p.Send},
		{"wait", p.Wait},
		{"body", p.Receive},
	}
}

// text returns the phases that took at least a hundredth of the time, in parentheses.
func (p Phases) text() string {
	all := p.Blocked + p.DNS + p.Connect + p.Send + p.Wait + p.Receive
	var parts []string
	for _, p := range p.each() {
		if p.took >= max(all/100, time.Microsecond) {
			parts = append(parts, p.name+" "+rounded(p.took))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// value returns the value of an attribute, numbers in three digits.
func value(v slog.Value) string {
	switch v.Kind() {
	case slog.KindDuration:
		return rounded(v.Duration())
	case slog.KindFloat64:
		return strconv.FormatFloat(v.Float64(), 'g', 3, 64)
	default:
		return v.Resolve().String()
	}
}

// rounded returns d in three digits.
func rounded(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// size returns a number of bytes.
func size(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
