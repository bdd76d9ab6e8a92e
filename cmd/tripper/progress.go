package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A meter shows how far a body has come. The zero meter shows nothing.
type meter struct {
	w      io.Writer // nil: nothing is shown
	name   string    // of the file, empty for the output
	offset int64     // what was there before
	total  int64     // the length of the whole, -1 if it is not known
	began  time.Time
	now    atomic.Int64 // the position

	bar  *mpb.Bar // nil: lines are printed
	bars *mpb.Progress
	last time.Time // of the last line
}

// lineEvery is the time between the lines that are printed where no bar can be shown.
const lineEvery = 5 * time.Second

// start begins to show that the bytes of name from offset on are arriving.
func (m *meter) start(w io.Writer, terminal bool, name string, offset, total int64) {
	m.w, m.name, m.offset, m.total, m.began = w, name, offset, total, time.Now()
	m.last = m.began
	m.now.Store(offset)
	if !terminal {
		return
	}
	m.bars = mpb.New(mpb.WithOutput(w), mpb.WithAutoRefresh())
	numbers := decor.Any(func(decor.Statistics) string {
		return " " + progressText(m.now.Load(), m.offset, m.total, time.Since(m.began))
	})
	label := decor.Any(func(s decor.Statistics) string { return shorten(name, max(s.AvailableWidth-70, 8)) + " " })
	style := mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]").Refiller("-").ToBuilder()
	if total < 0 {
		style = mpb.SpinnerStyle("-", "\\", "|", "/").PositionLeft()
	}
	m.bar = m.bars.New(max(total, 0), style, mpb.BarWidth(24), mpb.PrependDecorators(label), mpb.AppendDecorators(numbers))
	if offset > 0 {
		m.bar.SetCurrent(offset)
		m.bar.SetRefill(offset)
	}
}

// add says that n more bytes have come.
func (m *meter) add(n int) {
	if m.w == nil {
		return
	}
	at := m.now.Add(int64(n))
	if m.bar != nil {
		m.bar.SetCurrent(at)
		return
	}
	if now := time.Now(); now.Sub(m.last) >= lineEvery {
		m.last = now
		_, _ = fmt.Fprintf(m.w, "tripper: %s%s\n", m.label(), progressText(at, m.offset, m.total, now.Sub(m.began)))
	}
}

// label is what a line begins with.
func (m *meter) label() string {
	if m.name == "" {
		return ""
	}
	return m.name + ": "
}

// end ends what is shown. ok is true if the body came to its end.
func (m *meter) end(ok bool) {
	if m.w == nil {
		return
	}
	if m.bar != nil {
		if ok {
			m.bar.SetTotal(-1, true)
		} else {
			m.bar.Abort(false)
		}
		m.bars.Wait()
		return
	}
	if ok && (m.name != "" || m.last != m.began) {
		_, _ = fmt.Fprintf(m.w, "tripper: %s%s\n", m.label(), progressText(m.now.Load(), m.offset, -1, time.Since(m.began)))
	}
}

// progressText says how far a body has come that began at offset: "1.5 MiB of 3.0 MiB, 512.0 KiB/s, 3s left".
func progressText(at, offset, total int64, took time.Duration) string {
	s := bytesOf(at)
	if total >= 0 {
		s += " of " + bytesOf(total)
	}
	rate := int64(0)
	if took > 0 {
		rate = int64(float64(at-offset) / took.Seconds())
	}
	if took < 100*time.Millisecond || rate <= 0 {
		return s
	}
	s += ", " + bytesOf(rate) + "/s"
	if total > at {
		s += ", " + timeOf(time.Duration(float64(total-at)/float64(rate)*float64(time.Second))+time.Second) + " left"
	}
	return s
}

// shorten cuts s to n characters, with an ellipsis.
func shorten(s string, n int) string {
	r := []rune(strings.Map(visible, s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:max(n-1, 0)]) + "…"
}
