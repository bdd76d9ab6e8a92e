package main

import (
	"fmt"
	"strconv"
	"time"
)

// bytesOf writes a number of bytes for people, in at most 8 characters.
func bytesOf(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for f >= 999.95 && unit < 6 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", f, " KMGTPE"[unit])
}

// timeOf writes a time for people, rounded down to one unit: "59s", "3h", "12d".
func timeOf(d time.Duration) string {
	switch s := int64(d / time.Second); {
	case s < 0:
		return "-" + timeOf(-d)
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm", s/60)
	case s < 2*86400:
		return fmt.Sprintf("%dh", s/3600)
	case s < 1000*86400:
		return fmt.Sprintf("%dd", s/86400)
	default:
		return fmt.Sprintf("%dy", s/(365*86400))
	}
}
