package caching

import (
	"net/http"
)

// memoryMetaCost is what m occupies beside itself, with what a Transport works out for it.
func memoryMetaCost(m *Meta) int64 {
	n := memoryString(m.URL) + memoryAllocated(int64(cap(m.Extra))) + memoryHeaderCost(m.Header) + memoryHeaderCost(m.Trailer)
	if memo := m.Memo(); memo != nil {
		return n + memo.Bytes
	}
	return n + 1<<10 + memoryArray[[5]uintptr](len(m.Header)) // about what a Transport adds at the first hit
}

func memoryHeaderCost(h http.Header) int64 {
	if h == nil {
		return 0
	}
	n := memoryMapCost(len(h))
	for name, values := range h {
		n += memoryArray[string](cap(values))
		if len(name) > 16 || commonName(name) == "" {
			n += memoryString(name)
		}
		for _, v := range values {
			n += memoryString(v)
		}
	}
	return n
}

// commonName is for names that net/http has one string of for all responses.
func commonName(name string) string {
	switch name {
	case "Cache-Control", "Content-Type", "Content-Length", "Etag", "Date", "Expires", "Last-Modified", "Vary", "Server", "Age", "Set-Cookie":
		return name
	}
	return ""
}

// memoryMapCost is what a map of n header fields occupies: groups of eight places, of
// which as many as a power of two, at most seven eighths full where there are several.
func memoryMapCost(n int) int64 {
	const group = 8 + 8*(16+24)
	if n <= 8 {
		return 48 + memoryAllocated(group)
	}
	places := 16
	for n > places*7/8 {
		places *= 2
	}
	return 48 + 8 + 32 + memoryAllocated(int64(places/8)*group)
}
