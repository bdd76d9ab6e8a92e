// Package oauth2tokens makes credentials for package auth of the flows of golang.org/x/oauth2:
// client credentials, refresh tokens, and any other that returns a token.
//
//	config := &clientcredentials.Config{ClientID: "id", ClientSecret: "secret", TokenURL: "https://auth.example/token"}
//	credential := oauth2tokens.ClientCredentials(config, nil)
//	credential.Domain = "api.example"
//	client.Transport = &auth.Transport{Base: client.Transport, Credentials: credential, Preemptive: true}
//
// # Behavior
//
// A token is got when the first request needs it, once for all requests at the same time, and is
// kept until shortly before it expires. A token that a server refuses, by a 401, is replaced once,
// and the request is sent again.
//
// Unlike below oauth2.Transport, a cache above auth.Transport keeps its responses when a token is
// replaced: they belong to the user that the credential names.
//
// # Place in a chain
//
// The credentials are for auth.Transport.
//
// # Limits
//
// Tokens of other types than Bearer are refused. Tokens are kept in memory; [Options.Renewed] is
// for programs that store them.
package oauth2tokens

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tokens"
)

// Options are those of [ClientCredentials] and [Refresh]. The zero value, and nil, mean the
// defaults.
type Options struct {
	// Client sends the requests for tokens. If nil, [http.DefaultClient] is used. Redirects are not
	// followed unless the client has a CheckRedirect.
	Client *http.Client

	// Username names the user of the tokens, see auth.Credential.Username: a cache above
	// keeps the responses for that name. If empty, [ClientCredentials] makes a name of the
	// configuration, and [Refresh] one that is good until the program ends.
	Username string

	// Renewed is called with each token that [Refresh] has got, before it is used: the
	// refresh token in it may be a new one, and the old one used up. If nil, nothing is
	// called.
	Renewed func(*oauth2.Token)
}

// ClientCredentials returns a credential with the tokens of the client credentials grant (RFC
// 6749 §4.4). The configuration must not be changed afterwards.
func ClientCredentials(config *clientcredentials.Config, options *Options) auth.Credential {
	o := or(options)
	if o.Username == "" {
		about := fmt.Sprintf("%q%q%q%q", config.ClientID, config.TokenURL, config.Scopes, config.EndpointParams.Encode())
		sum := sha256.Sum256([]byte(about))
		o.Username = config.ClientID + " " + hex.EncodeToString(sum[:8])
	}
	return Credential(o.Username, func(ctx context.Context) (*oauth2.Token, error) {
		t, err := config.Token(o.with(ctx))
		return t, told(err, config.TokenURL)
	})
}

// Refresh returns a credential with the tokens of the refresh token grant (RFC 6749 §6). The
// token is the first one: it must have a refresh token, and is used until it expires if it has an
// access token too. The configuration must not be changed afterwards.
//
// A refresh that has begun is finished, within a minute, also if the request that needed it is
// cancelled: the old refresh token may be used up.
func Refresh(config *oauth2.Config, token *oauth2.Token, options *Options) auth.Credential {
	o := or(options)
	if o.Username == "" {
		o.Username = rand.Text()
	}
	k := &tokens.Keeper{Finish: true}
	r := &refresher{config: config, options: o}
	if token != nil {
		r.token = token.RefreshToken
		if t, err := bearer(token); err == nil {
			k.Set(t)
		}
	}
	return credential(o.Username, k, r.refresh)
}

// Credential returns a credential with the tokens that fetch returns, which may be those of any
// grant. It is called for a new token only: when the first is needed, when one has expired, and
// when a server has refused one. username names the user to whom all tokens belong, see
// auth.Credential.Username.
func Credential(username string, fetch func(context.Context) (*oauth2.Token, error)) auth.Credential {
	return credential(username, new(tokens.Keeper), fetch)
}

func credential(username string, k *tokens.Keeper, fetch func(context.Context) (*oauth2.Token, error)) auth.Credential {
	get := func(ctx context.Context) (tokens.Token, error) {
		t, err := fetch(ctx)
		if err != nil {
			return tokens.Token{}, err
		}
		return bearer(t)
	}
	return auth.Credential{Username: username, TokenFunc: func(ctx context.Context, invalid string) (string, error) {
		return k.Get(ctx, invalid, get)
	}}
}

// bearer returns t as a token for the scheme Bearer.
func bearer(t *oauth2.Token) (tokens.Token, error) {
	switch {
	case t == nil || t.AccessToken == "":
		return tokens.Token{}, errors.New("oauth2tokens: there is no token")
	case !strings.EqualFold(t.Type(), "bearer"):
		return tokens.Token{}, roundtrip.Final(errors.New("oauth2tokens: the type of the token is not Bearer"))
	}
	return tokens.Token{Value: t.AccessToken, Expires: t.Expiry}, nil
}

// A refresher has the refresh token of a credential.
type refresher struct {
	config  *oauth2.Config
	options Options

	mu    sync.Mutex // guards token
	token string
}

func (r *refresher) refresh(ctx context.Context) (*oauth2.Token, error) {
	r.mu.Lock()
	old := r.token
	r.mu.Unlock()
	if old == "" {
		return nil, roundtrip.Final(errors.New("oauth2tokens: the token has expired, and there is no refresh token"))
	}
	// A token without an access token is refreshed at once.
	t, err := r.config.TokenSource(r.options.with(ctx), &oauth2.Token{RefreshToken: old}).Token()
	if err != nil {
		return nil, told(err, r.config.Endpoint.TokenURL)
	}
	r.mu.Lock()
	r.token = t.RefreshToken // x/oauth2 fills in the old one if there is no other
	r.mu.Unlock()
	if r.options.Renewed != nil {
		r.options.Renewed(t)
	}
	return t, nil
}

func or(options *Options) Options {
	if options == nil {
		return Options{}
	}
	return *options
}

// with returns ctx with the client for x/oauth2. It follows no redirect unless it has a policy of its
// own: a 307 would take the secret in the content to another server.
func (o *Options) with(ctx context.Context) context.Context {
	client := *cmp.Or(o.Client, http.DefaultClient)
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return context.WithValue(ctx, oauth2.HTTPClient, &client)
}

// An Error says that a token endpoint has not issued a token.
type Error struct {
	// Origin is that of the token endpoint.
	Origin string
	// StatusCode is the status of its response, or 0 if there is none.
	StatusCode int
	// Code is the error of RFC 6749 §5.2, such as "invalid_grant", or empty.
	Code string
	// Err is what has failed. It may be an [*oauth2.RetrieveError], which prints the content of
	// the response.
	Err error
}

// Error returns the origin, and the status and the code or what has failed.
func (e *Error) Error() string {
	if e.StatusCode == 0 {
		return fmt.Sprintf("oauth2tokens: token endpoint %s: %v", e.Origin, e.Err)
	}
	text := fmt.Sprintf("oauth2tokens: token endpoint %s: status %d", e.Origin, e.StatusCode)
	if e.Code != "" {
		const most = 64
		text += fmt.Sprintf(", %q", e.Code[:min(len(e.Code), most)])
	}
	return text
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the token endpoint did not answer in time.
func (e *Error) Timeout() bool { return roundtrip.TimedOut(e.Err) }

// Permanent reports whether the token endpoint would refuse again.
func (e *Error) Permanent() bool {
	if e.StatusCode == http.StatusOK && e.Code != "" { // as GitHub answers
		return true
	}
	return e.StatusCode >= 300 && e.StatusCode < 500 && e.StatusCode != http.StatusTooManyRequests && e.StatusCode != http.StatusRequestTimeout
}

// told returns err as an Error, which tells neither the content of a response nor the query of
// the endpoint.
func told(err error, endpoint string) error {
	if err == nil {
		return nil
	}
	e := &Error{Err: err}
	if u, parsed := url.Parse(endpoint); parsed == nil {
		e.Origin = roundtrip.OriginOf(u).String()
	}
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		e.Code = r.ErrorCode
		if r.Response != nil {
			e.StatusCode = r.Response.StatusCode
		}
	} else if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = u.Err // without the URL
	}
	return e
}
