package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/tripper-go/tripper/auth"
)

// Scheme is an [auth.Scheme]. The user name of a credential is the access key id, and the
// password the secret access key. A token beside them is a session token.
type Scheme struct {
	// Service and Region are those of the API, such as "s3" and "eu-west-1".
	Service, Region string

	// Now returns the time of a signature. If nil, it is [time.Now].
	Now func() time.Time
}

// Name returns the name of the scheme in the field Authorization.
func (Scheme) Name() string { return "aws4-hmac-sha256" }

// Weigh implements [auth.Scheme]. The services never ask for a signature.
func (Scheme) Weigh(auth.Challenge, auth.Credential) (int, error) {
	return 0, errors.New("sigv4: there is no challenge for it")
}

// Session implements [auth.Scheme].
func (s Scheme) Session(_ *auth.Challenge, cred auth.Credential) (auth.Session, error) {
	if cred.Username == "" || cred.Password == "" {
		return nil, errors.New("sigv4: the credential is no access key")
	}
	return session{s}, nil
}

type session struct{ scheme Scheme }

// Sign implements [auth.Session].
func (s session) Sign(req *auth.Request) error {
	hash, err := contentHash(req)
	if err != nil {
		return err
	}
	// S3 wants it as a field too.
	req.Header["X-Amz-Content-Sha256"] = []string{hash}
	// The signer changes the URL and the header of what it is given.
	u := *req.URL
	out := (&http.Request{Method: req.Method, URL: &u, Host: req.Host, Header: req.Header}).WithContext(req.Context)
	now := time.Now
	if s.scheme.Now != nil {
		now = s.scheme.Now
	}
	cred := aws.Credentials{AccessKeyID: req.Credential.Username, SecretAccessKey: req.Credential.Password, SessionToken: req.Credential.Token}
	return v4.NewSigner().SignHTTP(req.Context, cred, out, hash, s.scheme.Service, s.scheme.Region, now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = s.scheme.Service == "s3"
	})
}

// contentHash returns the hash of the content. It fails if that is longer than MaxReplay of
// auth.Transport and has no GetBody.
func contentHash(req *auth.Request) (string, error) {
	h := sha256.New()
	if req.Body != nil {
		body, err := req.Body()
		if err != nil {
			return "", fmt.Errorf("sigv4: reading the content: %w", err)
		}
		defer body.Close()
		if _, err := io.Copy(h, body); err != nil {
			return "", fmt.Errorf("sigv4: reading the content: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
