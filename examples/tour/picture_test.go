package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/retry"
)

var update = flag.Bool("update", false, "write docs/timeline.svg")

// The picture in the documents is that of a tour through a network in memory, in a bubble
// whose clock makes each run take the same times.
func TestPicture(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "timeline.svg")
	var picture []byte
	synctest.Test(t, func(t *testing.T) { picture = pictureOfTour(t) })
	for d := xml.NewDecoder(bytes.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile(file, picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if old, err := os.ReadFile(file); err != nil || !bytes.Equal(old, picture) {
		t.Errorf("docs/timeline.svg is of another tour, %v: go test ./examples/tour -run TestPicture -update", err)
	}
}

func pictureOfTour(t *testing.T) []byte {
	t.Helper()
	var wire network
	tour := &tour{
		w: io.Discard, dial: wire.dial, listen: wire.listen,
		backoff: func(retry.Attempt) time.Duration { return 50 * time.Millisecond },
	}
	if err := tour.take(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := tour.all.WritePage(&page); err != nil {
		t.Fatal(err)
	}
	return picture(t, page.String(), new(origin).steps(), 0, 3, 5)
}

// What a picture takes from the page of a [trace.Timeline].
var (
	pageStyle   = regexp.MustCompile(`(?s)<style>\n(.*?)</style>`)
	pageDefs    = regexp.MustCompile(`(?s)<defs>.*?</defs>`)
	pageItem    = regexp.MustCompile(`<li><svg width="(\d+)" height="(\d+)" aria-hidden="true">(.*)</svg>(.*)</li>`)
	pageChart   = regexp.MustCompile(`(?s)<svg class="chart" role="img" height="(\d+)"[^>]*>\n(.*?)\n</svg>\n`)
	pageOutcome = regexp.MustCompile(`<p class="(outcome ?\w*)" id="outcome-\d+">(.*)</p>`)
)

// Sizes of the picture in pixels.
const (
	pictureWidth = 860
	border       = 16
	names        = 104 // of the lanes, left of the plot
)

// picture returns charts of a page as SVG: the overview of all steps, and those of some.
func picture(t *testing.T, page string, steps []step, chosen ...int) []byte {
	t.Helper()
	charts, outcomes := pageChart.FindAllStringSubmatch(page, -1), pageOutcome.FindAllStringSubmatch(page, -1)
	if len(charts) != len(steps)+1 || len(outcomes) != len(steps) {
		t.Fatalf("the page has %d charts and %d outcomes of %d steps", len(charts), len(outcomes), len(steps))
	}
	var b strings.Builder
	y := 0
	title := func(class, text string) {
		y += 30
		fmt.Fprintf(&b, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, border, y, text)
	}
	chart := func(i int) {
		fmt.Fprintf(&b, `<svg x="%d" y="%d" width="%d" height="%s">`+"\n%s\n</svg>\n", border+names, y+8, pictureWidth-names-2*border, charts[i][1], charts[i][2])
		var height int
		_, _ = fmt.Sscan(charts[i][1], &height)
		y += height + 8
	}
	title("title", fmt.Sprintf("A tour of %d calls", len(steps)))
	chart(0)
	for _, i := range chosen {
		title("title", fmt.Sprintf("%d. %s", i+1, steps[i].title))
		y -= 10
		title(outcomes[i][1], steps[i].does+" "+outcomes[i][2]+".")
		chart(i + 1)
	}
	y += 10
	x := border
	for _, item := range pageItem.FindAllStringSubmatch(page, -1) {
		width := 42 + 13*len(item[4])/2
		if x+width > pictureWidth {
			x = border
			y += 20
		}
		fmt.Fprintf(&b, `<svg x="%d" y="%d" width="%s" height="%s">%s</svg><text class="outcome" x="%d" y="%d">%s</text>`+"\n", x, y, item[1], item[2], item[3], x+26, y+10, item[4])
		x += width
	}
	height := y + 24
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="t d">
<title id="t">Timelines of the tour</title>
<desc id="d">An overview with a bar for each call, and waterfalls of some: a lane for each layer with a mark for each decision, and the exchanges with the server in their phases.</desc>
<style>
%[3]stext.title { font: 600 14px/1 system-ui, sans-serif; fill: var(--ink) }
text.outcome { font: 12px/1 system-ui, sans-serif }
text.outcome.cached { fill: var(--hit) }
.ground { fill: var(--card) }
</style>
%[4]s
<rect class="ground" width="%[1]d" height="%[2]d" rx="6"/>
%[5]s</svg>
`, pictureWidth, height, pageStyle.FindStringSubmatch(page)[1], pageDefs.FindString(page), b.String())
	return svg.Bytes()
}

// A network connects clients and servers in memory. It is slow, so that there is something to see.
type network struct {
	mu        sync.Mutex
	listeners []*listener
}

const (
	connecting = 5 * time.Millisecond
	packetTime = 2 * time.Millisecond
	packetSize = 64
)

// listen returns a listener of another port of localhost.
func (n *network) listen() (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &listener{port: 8081 - len(n.listeners), conns: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners = append(n.listeners, l)
	return l, nil
}

func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	i := slices.IndexFunc(n.listeners, func(l *listener) bool { return l.String() == addr })
	l := n.listeners[i]
	n.mu.Unlock()
	trace := httptrace.ContextClientTrace(ctx) // net.Dialer tells it the same
	trace.ConnectStart(network, addr)
	time.Sleep(connecting)
	ours, theirs := net.Pipe()
	l.conns <- theirs
	trace.ConnectDone(network, addr, nil)
	return slow{ours}, nil
}

type listener struct {
	port   int
	conns  chan net.Conn
	closed chan struct{}
}

func (l *listener) Network() string { return "tcp" }
func (l *listener) String() string  { return fmt.Sprint("localhost:", l.port) }
func (l *listener) Addr() net.Addr  { return l }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return slow{c}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	close(l.closed) // http.Server closes it once
	return nil
}

// slow is a connection whose packets take their time.
type slow struct{ net.Conn }

func (s slow) Write(p []byte) (n int, err error) {
	for packet := range slices.Chunk(p, packetSize) {
		time.Sleep(packetTime)
		m, err := s.Conn.Write(packet)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}
