// Package negotiate is the scheme Negotiate (RFC 4559) for package auth: single sign-on by
// Kerberos, with SPNEGO (RFC 4178).
//
//	client.Transport = &auth.Transport{
//		Base:        &transport.Transport{},
//		Credentials: auth.Credential{Username: "ann@EXAMPLE.COM", Domain: "intranet.example.com"},
//		Schemes:     append(auth.DefaultSchemes(), &negotiate.Scheme{}),
//	}
//
// # Behavior
//
// The user name of a credential is a Kerberos principal; the realm may be left out if it is
// the default one. If the credential has a password, or there is a [Scheme.Keytab], the
// ticket of the user comes from the KDC; else from the credential cache that kinit has
// written, whose principal must be the same. Where a credential may be sent is decided by
// package auth as for other schemes.
//
// The service is HTTP@host, for a proxy that of the proxy. Tickets are kept in memory until
// shortly before they expire. Requests that need the same ticket at the same time wait for
// one exchange with the KDC. If the KDC refuses, or cannot be reached, the request fails;
// whether a later one may succeed is told by Permanent() bool.
//
// Each request that a server authenticates by itself takes one round trip, once the server
// is known to ask. The server is asked to prove that it has the key of the service; if its
// proof is wrong, the request fails with an error that matches auth.ErrServerProof.
//
// A proxy is given the scheme in auth.Proxy.
//
// # Place in a chain
//
// It is one of auth.Transport.Schemes. The transport below must be transport.Transport, or
// another tripper.ConnectionKeeper.
//
// # Limits
//
// Tickets of the user are never delegated to the server. NTLM inside Negotiate is not spoken;
// neither are channel bindings, which some servers demand (RFC 5929). Credential caches are
// files. gokrb5 believes the length that a KDC gives for its answer, up to 4 GiB: a KDC must be
// trusted, and so must the network between. An exchange with a KDC cannot be interrupted: if the context of the request ends
// first, the exchange goes on for as long as gokrb5 allows, some seconds for each KDC.
package negotiate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Strength is the strength of Negotiate, which is compared with those of package auth: it
// is above all of them.
const Strength = 100

// Scheme is the scheme Negotiate. The zero value uses the Kerberos configuration and the
// credential cache that the environment names.
//
// A Scheme is safe for concurrent use, and must not be copied. Its fields must not be changed
// after its first use.
type Scheme struct {
	// Config is the path of krb5.conf. If empty, it is that in KRB5_CONFIG, or
	// /etc/krb5.conf. The file is read whenever a ticket is needed.
	Config string

	// Keytab is the path of a file with the keys of users, for credentials without a
	// password. If empty, Cache is used.
	Keytab string

	// Cache is the path of a credential cache, for credentials without a password. If
	// empty, it is that in KRB5CCNAME, or /tmp/krb5cc_ with the number of the user.
	Cache string

	// Canonical asks DNS for the canonical name of a host, of which the name of the
	// service is made. It is off by default: whoever can change DNS chooses the service
	// then.
	Canonical bool

	// Service returns the name of the service for the URL of a server or proxy, such as
	// HTTP/www.example.com. If nil, it is HTTP and the host of the URL, without the port.
	Service func(*url.URL) string

	// RequireProof also fails requests whose response has no proof that the server has
	// the key of the service. If false, a proof is only checked if there is one.
	RequireProof bool

	once    sync.Once
	tickets *tickets // a pointer, so that package fmt does not print what is in it
}

// Name returns "negotiate".
func (*Scheme) Name() string { return "negotiate" }

var errNoUser = errors.New("negotiate: credential has no user name, or is a token")

// Weigh implements [auth.Scheme].
func (*Scheme) Weigh(_ auth.Challenge, cred auth.Credential) (int, error) {
	if cred.Username == "" || cred.Token != "" || cred.TokenFunc != nil || cred.HA1 != "" && cred.Password == "" {
		return 0, errNoUser
	}
	if strings.Contains(cred.Username, `\`) {
		return 0, &auth.UnsupportedError{Scheme: "negotiate", Parameter: "user name", Value: `with a \`}
	}
	return Strength, nil
}

// Session implements [auth.Scheme]. It returns [auth.ErrNeedsChallenge].
func (*Scheme) Session(*auth.Challenge, auth.Credential) (auth.Session, error) {
	return nil, auth.ErrNeedsChallenge
}

// Handshake implements [auth.ConnectionScheme].
func (s *Scheme) Handshake(req *auth.Request) (auth.Handshake, error) {
	s.once.Do(func() { s.tickets = &tickets{} })
	l := login{config: s.config(), keytab: s.Keytab, cache: s.cache(), user: req.Credential.Username, password: req.Credential.Password}
	service := s.service(req.Context, req.URL)
	drop := func() { s.tickets.drop(l, service, time.Now()) }
	if req.Refused != "" {
		drop()
	}
	t, err := s.tickets.get(req.Context, l, service)
	if err != nil {
		return nil, roundtrip.Explain("negotiate: getting a ticket", err)
	}
	return &handshake{ticket: t, refused: drop, requireProof: s.RequireProof}, nil
}

// service returns the name of the service at u.
func (s *Scheme) service(ctx context.Context, u *url.URL) string {
	if s.Service != nil {
		return s.Service(u)
	}
	host := roundtrip.Host(u)
	if s.Canonical {
		if name, err := net.DefaultResolver.LookupCNAME(ctx, host); err == nil && name != "" {
			host = strings.ToLower(strings.TrimSuffix(name, "."))
		}
	}
	return "HTTP/" + host
}

// config returns the path of krb5.conf.
func (s *Scheme) config() string {
	if s.Config != "" {
		return s.Config
	}
	if env := os.Getenv("KRB5_CONFIG"); env != "" {
		return env
	}
	return "/etc/krb5.conf"
}

// cache returns the path of the credential cache.
func (s *Scheme) cache() string {
	path := s.Cache
	if path == "" {
		path = os.Getenv("KRB5CCNAME")
	}
	if path == "" {
		return "/tmp/krb5cc_" + strconv.Itoa(os.Getuid())
	}
	return strings.TrimPrefix(path, "FILE:")
}

// Format implements [fmt.Formatter]. It prints no field.
func (s *Scheme) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "negotiate.Scheme") }
