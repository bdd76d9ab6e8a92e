package main

import (
	"fmt"
	"strings"
)

// A row is one layer in the picture of the order: what it does to a request on
// the way down, and to the response on the way up.
type row struct{ name, down, up string }

var rows = []row{
	{"ErrorResponses", "", "an error becomes a response"},
	{"trace.Log", "listens to all layers", "one line a request"},
	{"decompress", "Accept-Encoding", "decodes the last body"},
	{"redirects", "cookies of this hop", "3xx: the next hop"},
	{"lostupdate", "If-Match: what you saw", "remembers the ETag"},
	{"caching", "fresh? stale? unknown?", "stores what may be stored"},
	{"compress", "encodes a large body", "415: learns, and sends it plain"},
	{"retry", "keeps what may be sent twice", "503, a broken body: once more"},
	{"auth", "signs for this origin", "401: answers the challenge"},
	{"transport", "proxy, TLS, timeouts", ""},
}

// turns are the places where a message changes its direction.
var turns = []struct {
	row   int
	right bool // the response turns and goes down again
	label string
}{
	{row: 5, label: "a hit"},
	{row: 3, right: true, label: "next hop"},
	{row: 6, right: true, label: "sent plain"},
	{row: 7, right: true, label: "next try"},
	{row: 8, right: true, label: "signed"},
}

// Measures of the picture, in pixels.
const (
	width, rowHeight, gap = 860, 38, 18
	top                   = 66
	left, boxWidth        = 90, 680
)

func rowY(i int) int { return top + i*(rowHeight+gap) }

// order draws the layers from the program to the wire, with a request that goes
// down at the left and its response that comes up at the right.
func order() string {
	var b strings.Builder
	height := rowY(len(rows)) + 46
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d">
<title id="t">The order of the layers</title>
<desc id="d">A request goes down through %s to the server. The response comes up through the same layers. A hit turns around at caching; redirects, compress, retry and auth send again from where they stand.</desc>
<style>
text{font:14px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.name{font-weight:600;text-anchor:middle}.up{text-anchor:end}.note,.down,.up{font-size:13px}.down,.up{fill:#57606a}
.end{font-weight:600;text-anchor:middle}.box{fill:#f6f8fa;stroke:#d0d7de}
.line{fill:none;stroke:#0969da;stroke-width:2}.back{stroke:#1a7f37}.turn{stroke-dasharray:5 4}
.request{fill:#0969da}.response{fill:#1a7f37}.mid{text-anchor:middle}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.down,.up{fill:#9198a1}.box{fill:#151b23;stroke:#3d444d}
.line{stroke:#4493f8}.back{stroke:#3fb950}.request{fill:#4493f8}.response{fill:#3fb950}}
</style>
<defs>
<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" markerUnits="userSpaceOnUse"><path class="request" d="M0 0L8 4L0 8z"/></marker>
<marker id="b" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" markerUnits="userSpaceOnUse"><path class="response" d="M0 0L8 4L0 8z"/></marker>
</defs>
`, width, height, names())
	fmt.Fprintf(&b, `<text class="end" x="%d" y="24">your program</text>`+"\n", width/2)
	fmt.Fprintf(&b, `<text class="end" x="%d" y="%d">the server</text>`+"\n", width/2, rowY(len(rows))+gap+8)
	for i, r := range rows {
		y := rowY(i)
		fmt.Fprintf(&b, `<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, left, y, boxWidth, rowHeight)
		fmt.Fprintf(&b, `<text class="down" x="%d" y="%d">%s</text>`, left+44, y+25, r.down)
		fmt.Fprintf(&b, `<text class="name" x="%d" y="%d">%s</text>`, width/2, y+25, r.name)
		fmt.Fprintf(&b, `<text class="up" x="%d" y="%d">%s</text>`+"\n", left+boxWidth-44, y+25, r.up)
	}
	// The request at the left, the response at the right.
	last := rowY(len(rows)-1) + rowHeight
	l, r := left+22, left+boxWidth-22
	fmt.Fprintf(&b, `<path class="line" marker-end="url(#a)" d="M%d 36V%dQ%d %d %d %dH%d"/>`, l, last+24, l, last+39, l+15, last+39, width/2-50)
	fmt.Fprintf(&b, `<path class="line back" marker-end="url(#b)" d="M%d %dH%dQ%d %d %d %dV36"/>`+"\n", width/2+50, last+39, r-15, r, last+39, r, last+24)
	fmt.Fprintf(&b, `<text class="note request mid" x="%d" y="26">request</text><text class="note response mid" x="%d" y="26">response</text>`+"\n", l, r)
	for _, t := range turns {
		y := rowY(t.row) + rowHeight + gap/2
		if t.right {
			// From the response back to the request, below the layer that sends again.
			fmt.Fprintf(&b, `<path class="line turn" marker-end="url(#a)" d="M%d %dH%d"/>`, r, y, l+3)
			fmt.Fprintf(&b, `<text class="note request" x="%d" y="%d">%s</text>`+"\n", r+34, y+5, t.label)
			continue
		}
		fmt.Fprintf(&b, `<path class="line back turn" marker-end="url(#b)" d="M%d %dH%d"/>`, l, y, r-3)
		fmt.Fprintf(&b, `<text class="note response" x="%d" y="%d">%s</text>`+"\n", r+34, y+5, t.label)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func names() string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r.name
	}
	return strings.Join(list, ", ")
}
