package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tokens"
)

// An Error says that a token service has not issued a token.
type Error struct {
	// Origin is that of the token service.
	Origin string
	// StatusCode is the status of its response, or 0 if there is none or no token in it.
	StatusCode int
	// Err is what has failed, or nil if it is the status.
	Err error
}

// Error returns the origin, and the status or what has failed. It has nothing of the content of
// the response.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("registry: token service %s: %v", e.Origin, e.Err)
	}
	return fmt.Sprintf("registry: token service %s: status %d", e.Origin, e.StatusCode)
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the token service did not answer in time.
func (e *Error) Timeout() bool { return roundtrip.TimedOut(e.Err) }

// Permanent reports whether the token service would refuse again: the password is wrong, or the
// user may not do that.
func (e *Error) Permanent() bool {
	return e.StatusCode >= 300 && e.StatusCode < 500 && e.StatusCode != http.StatusTooManyRequests && e.StatusCode != http.StatusRequestTimeout
}

// token returns the token for n. invalid is one that the registry has refused.
func (b *Bearer) token(ctx context.Context, n need, invalid string) (string, error) {
	return b.setup().keeper(n).Get(ctx, invalid, func(ctx context.Context) (tokens.Token, error) {
		t, err := b.fetch(ctx, n)
		if err == nil {
			return t, nil
		}
		if _, ok := errors.AsType[*Error](err); ok {
			return t, err
		}
		e := &Error{Err: err}
		if u, parsed := url.Parse(n.realm); parsed == nil {
			e.Origin = roundtrip.OriginOf(u).String()
		}
		return t, e
	})
}

// defaultLife is the life of a token that says nothing of it, by the specification of the
// protocol.
const defaultLife = 60 * time.Second

// fetch gets a token for n from the token service. Redirects are not followed: they would lead
// the password elsewhere.
func (b *Bearer) fetch(ctx context.Context, n need) (tokens.Token, error) {
	begun := time.Now()
	u, err := url.Parse(n.realm)
	if err != nil {
		return tokens.Token{}, errors.New("the realm is no URL")
	}
	origin := roundtrip.OriginOf(u).String()
	q := u.Query()
	if n.service != "" {
		q.Set("service", n.service)
	}
	for scope := range strings.FieldsSeq(n.scope) {
		q.Add("scope", scope)
	}
	if n.username != "" {
		q.Set("account", n.username)
	}
	u.RawQuery, u.Fragment = q.Encode(), ""
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return tokens.Token{}, errors.New("the realm is no URL")
	}
	if n.username+n.password != "" {
		req.SetBasicAuth(n.username, n.password)
	}
	resp, err := roundtrip.Or(b.Base).RoundTrip(req)
	if err != nil {
		return tokens.Token{}, err
	}
	defer roundtrip.Discard(resp)
	if resp.StatusCode != http.StatusOK {
		return tokens.Token{}, &Error{Origin: origin, StatusCode: resp.StatusCode}
	}
	return parse(resp.Body, begun)
}

// maxBody bounds the response of a token service.
const maxBody = 1 << 20

var errNoToken = errors.New("no token in the response")

// parse reads the response of a token service. The life of the token begins when it was asked for:
// issued_at is by a clock that may be another.
func parse(body io.Reader, begun time.Time) (tokens.Token, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return tokens.Token{}, err
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   *int64 `json:"expires_in"`
	}
	if len(b) > maxBody || json.Unmarshal(b, &answer) != nil {
		return tokens.Token{}, errNoToken
	}
	value := answer.Token
	if value == "" {
		value = answer.AccessToken
	}
	if value == "" || strings.ContainsAny(value, " \t") || httpfield.HasControl(value) || !httpfield.IsASCII(value) {
		return tokens.Token{}, errNoToken
	}
	life := defaultLife
	const longest = 365 * 24 * time.Hour // a time.Duration holds no more than centuries
	if s := answer.ExpiresIn; s != nil && *s > 0 {
		life = time.Duration(min(*s, int64(longest/time.Second))) * time.Second
	}
	return tokens.Token{Value: value, Expires: begun.Add(life)}, nil
}
