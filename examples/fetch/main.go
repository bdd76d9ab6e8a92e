// Command fetch downloads a file, and goes on where it was if the connection breaks or the
// program is killed.
//
//	go run ./examples/fetch https://example.com/image.iso image.iso
//
// While it is under way the file is image.iso.part, and image.iso.tag says of which version it
// is a part. A broken connection is retry's affair: it continues the body under the same
// validator. One process at a time may download into a file.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: fetch URL FILE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client := tripper.Chain{&redirects.Transport{}, &retry.Transport{Attempts: 10}}.Client(&transport.Transport{
		ConnectTimeout: 10 * time.Second, HeaderTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second,
	})
	screen := io.Discard
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		screen = os.Stderr
	}
	if err := fetch(ctx, client, os.Args[1], os.Args[2], screen); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", trace.RedactError(err))
		stop()
		os.Exit(1)
	}
}

// fetch downloads url into file, and shows on screen how far it has come.
func fetch(ctx context.Context, client *http.Client, url, file string, screen io.Writer) error {
	part, err := os.OpenFile(file+".part", os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	defer part.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Encoding", "identity")
	from, tag := left(part, file, url)
	if from > 0 { // RFC 9110 §13.1.5: the part if it is still of that version, else all
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		req.Header.Set("If-Range", tag)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	partial := from > 0 && resp.StatusCode == http.StatusPartialContent
	switch {
	case partial && resp.Header.Get("Etag") == tag && toEnd(resp, from):
	case partial, from > 0 && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable: // not what was asked for: begin again
		if err := os.Remove(file + ".tag"); err != nil {
			return err
		}
		return fetch(ctx, client, url, file, screen)
	case resp.StatusCode != http.StatusOK:
		return errors.New(resp.Status)
	default:
		from = 0
	}
	err = inOrder(
		func() error { return part.Truncate(from) },
		func() error { return note(resp, file, url) }, // of a part that fits to it
		func() error { _, err := part.Seek(from, io.SeekStart); return err },
	)
	if err != nil {
		return err
	}
	b := &bar{screen: screen, done: from, total: from + resp.ContentLength}
	if _, err := io.Copy(io.MultiWriter(part, b), resp.Body); err != nil {
		return err
	}
	b.show("\n")
	return inOrder(
		part.Sync, part.Close,
		func() error { return os.Rename(part.Name(), file) },
		func() error { return os.Remove(file + ".tag") },
	)
}

// toEnd reports whether resp has all bytes from from on: a server may send fewer than it was asked for.
func toEnd(resp *http.Response, from int64) bool {
	var first, last, total int64
	n, _ := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total)
	return n == 3 && first == from && last == total-1
}

// inOrder takes steps until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// left returns from where to go on with what an earlier run has left: its last byte is asked
// for again, so that there is something to ask for.
func left(part *os.File, file, url string) (from int64, tag string) {
	text, _ := os.ReadFile(file + ".tag")
	tag, known := strings.CutPrefix(string(text), prefix(url))
	info, err := part.Stat()
	if !known || err != nil || !strings.HasPrefix(tag, `"`) {
		return 0, ""
	}
	return max(0, info.Size()-1), tag
}

// note remembers the version. That of a server that gives no strong entity tag is not known
// again.
func note(resp *http.Response, file, url string) error {
	return os.WriteFile(file+".tag", []byte(prefix(url)+resp.Header.Get("Etag")), 0o666)
}

// prefix tells of which URL the tag is, and nothing that is in it.
func prefix(url string) string { return fmt.Sprintf("%x ", sha256.Sum256([]byte(url))) }
