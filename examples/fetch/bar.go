package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A bar shows how much of a file is there. It is written to what comes.
type bar struct {
	screen      io.Writer
	done, total int64 // total is less than done if it is not known
	shown       time.Time
}

func (b *bar) Write(p []byte) (int, error) {
	b.done += int64(len(p))
	if time.Since(b.shown) > 100*time.Millisecond {
		b.show("")
	}
	return len(p), nil
}

// show draws the bar over the last one.
func (b *bar) show(end string) {
	const width = 40
	b.shown = time.Now()
	percent, full := " ", 0
	if b.total >= b.done && b.total > 0 {
		full = int(width * b.done / b.total)
		percent = fmt.Sprintf(" %3d %% ", 100*b.done/b.total)
	}
	fmt.Fprintf(b.screen, "\r[%s%s]%s%.1f MB%s", strings.Repeat("=", full), strings.Repeat(" ", width-full), percent, float64(b.done)/1e6, end)
}
