package lostupdate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

const (
	// updateTries is how often Update writes before it gives up.
	updateTries = 8
	// maxLooks is how often Update looks whether a validator has become strong.
	maxLooks = 3
	// maxDocument bounds what Update reads, in bytes.
	maxDocument = 64 << 20
	// maxPause bounds the pause after a conflict.
	maxPause = 100 * time.Millisecond
)

var (
	errCoded = errors.New("lostupdate: update: the resource is sent in a content coding that was not asked for")
	errLarge = fmt.Errorf("lostupdate: update: the resource is larger than %d bytes", maxDocument)
)

// Update changes a resource safely. It gets the resource, calls edit with its content,
// and puts the result, on condition that the resource is still the version that was
// got. If it is not, Update starts over with the present version, up to eight times, and
// then fails with a [*ConflictError]. So edit may be called several times, and should
// have no effect but its result.
//
// current is nil if the resource does not exist (404 or 410). It is then created, on
// condition that it still does not exist. If edit fails, its error is returned and
// nothing is written. A resource without a validator is not written: the error is
// [ErrUnsure]. A weak entity tag is tried, since servers of FHIR and OData match them; if
// the answer is a 412 and the tag is still the same, the error is ErrUnsure too.
//
// To ask the user first, PUT with [Transport.ConflictErrors], and call Update once the error
// is a [*ConflictError]: edit then merges its text into current.
//
// Any other response, such as a refusal to read or to write, is returned. Its body must
// be closed. The update is done if the response is successful: that to the PUT, or to a GET
// that shows that an earlier try has written. The content type is kept, and a new resource has
// none. Other fields are added by a layer of the client. The first GET may be answered by a
// cache, those after a 412 are not.
//
// The client need not have a [Transport] of this package; several clients may share one.
func Update(ctx context.Context, client *http.Client, url string, edit func(current []byte) ([]byte, error)) (*http.Response, error) {
	u := update{ctx: ctx, client: client, url: url}
	for u.try = range updateTries {
		read, err := u.read()
		if err != nil || read != nil {
			return read, err
		}
		if u.ambiguous && bytes.Equal(u.current, u.written) {
			// The write that was answered by 412 was done by its first attempt.
			u.seen.Body = io.NopCloser(bytes.NewReader(u.current))
			return u.seen, nil
		}
		next, err := edit(u.current)
		if err != nil {
			return nil, err
		}
		resp, err := u.write(next)
		if err != nil || resp.StatusCode != http.StatusPreconditionFailed {
			return resp, err
		}
		roundtrip.Keep(resp, roundtrip.DrainBytes)
		u.conflict = &ConflictError{Field: u.condition.field, Sent: u.condition.value, Response: resp, Ambiguous: u.ambiguous}
		pause := time.Duration(rand.Int64N(int64(min(maxPause, time.Millisecond<<u.try)))) //nolint:gosec // jitter is no secret
		if err := roundtrip.Sleep(ctx, nil, pause); err != nil {
			return nil, err
		}
	}
	return nil, u.conflict
}

// update is an Update under way.
type update struct {
	ctx    context.Context
	client *http.Client
	url    string
	try    int

	seen      *http.Response
	current   []byte
	condition precondition

	written   []byte
	ambiguous bool
	conflict  *ConflictError
}

// read gets the resource and finds the precondition to put it back with. It
// returns an answer that there is nothing to do with.
func (u *update) read() (*http.Response, error) {
	refused := u.condition
	for look := 1; ; look++ {
		resp, err := u.get(u.try > 0 || look > 1)
		if err != nil || resp != nil {
			return resp, err
		}
		if u.condition.field != "" {
			return nil, nil
		}
		v := VersionOf(u.seen)
		if look == maxLooks || !v.young() {
			u.condition = v.anyPrecondition()
			if u.condition.field == "" || u.condition == refused {
				return nil, ErrUnsure
			}
			return nil, nil
		}
		// Apache's first second, or a time that is not old enough yet.
		if err := roundtrip.Sleep(u.ctx, nil, weakSecond); err != nil {
			return nil, err
		}
	}
}

func (u *update) get(again bool) (*http.Response, error) {
	req, err := http.NewRequestWithContext(u.ctx, http.MethodGet, u.url, nil)
	if err != nil {
		return nil, err
	}
	// The tags of compressed forms are those of other representations.
	req.Header.Set("Accept-Encoding", "identity")
	if again {
		req.Header.Set("Cache-Control", "no-cache")
	}
	resp, err := u.client.Do(req)
	if err != nil {
		return nil, err
	}
	u.seen, u.current = resp, nil
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		roundtrip.Discard(resp)
		u.condition = precondition{"If-None-Match", "*"}
		return nil, nil
	default:
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if coding(resp.Header["Content-Encoding"]) != "" {
		return nil, errCoded
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxDocument:
		return nil, errLarge
	}
	u.current = body
	u.condition = VersionOf(resp).precondition()
	return nil, nil
}

// write puts the new content on condition that the old one stands.
func (u *update) write(content []byte) (*http.Response, error) {
	ctx, attempts := roundtrip.WithAttempts(u.ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, u.url, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if last := u.seen.Request; last != nil && last.URL != nil && roundtrip.SameOrigin(last.URL, req.URL) {
		// The tag is that of the resource that redirects have led to.
		target := *last.URL
		target.User = req.URL.User
		req.URL = &target
	}
	if t := u.seen.Header.Get("Content-Type"); t != "" && u.seen.StatusCode == http.StatusOK {
		req.Header.Set("Content-Type", t)
	}
	req.Header.Set(u.condition.field, u.condition.value)
	resp, err := u.client.Do(req)
	u.written = content
	u.ambiguous = u.ambiguous || attempts.Load() > 1
	return resp, err
}
