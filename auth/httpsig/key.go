package httpsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"sync"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// An Algorithm is a signature algorithm, by its name in the registry of RFC 9421 §6.2.2.
type Algorithm string

// The algorithms of RFC 9421 §3.3.
const (
	RSAPSSSHA512    Algorithm = "rsa-pss-sha512"
	RSAV15SHA256    Algorithm = "rsa-v1_5-sha256"
	HMACSHA256      Algorithm = "hmac-sha256"
	ECDSAP256SHA256 Algorithm = "ecdsa-p256-sha256"
	ECDSAP384SHA384 Algorithm = "ecdsa-p384-sha384"
	Ed25519         Algorithm = "ed25519"
)

// A Key signs messages, verifies signatures, or both. It is safe for concurrent use.
type Key struct {
	id        string
	algorithm Algorithm
	secret    []byte           // of an HMAC
	signer    crypto.Signer    // nil if the key can only verify
	public    crypto.PublicKey // nil for an HMAC
	principal func() string
}

// NewKey returns a key. The id is what the server knows the key by, the parameter keyid of
// its signatures; it may be empty.
//
// The key is a secret for an HMAC ([]byte), a private key ([crypto.Signer]: of RSA, ECDSA or
// Ed25519, in memory or in a device), or the public key of one, which can only verify. If the
// algorithm is empty, it is the one for such a key, and [RSAPSSSHA512] for RSA. The secret
// must not be changed afterwards.
func NewKey(id string, key any, algorithm Algorithm) (*Key, error) {
	if _, err := httpsfv.Marshal(httpsfv.NewItem(id)); err != nil {
		return nil, errors.New("httpsig: the id of a key must be printable ASCII")
	}
	if v := reflect.ValueOf(key); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.New("httpsig: the key is nil")
	}
	k := &Key{id: id}
	switch key := key.(type) {
	case []byte:
		k.secret = key
		if len(key) == 0 {
			return nil, errors.New("httpsig: the secret is empty")
		}
	case crypto.Signer:
		k.signer, k.public = key, key.Public()
	default:
		k.public = key
	}
	possible := algorithms(k.public, k.secret)
	switch {
	case len(possible) == 0:
		return nil, fmt.Errorf("httpsig: no algorithm for a key of type %T", key)
	case algorithm == "":
		algorithm = possible[0]
	case !slices.Contains(possible, algorithm):
		return nil, fmt.Errorf("httpsig: algorithm %q cannot be used with a key of type %T", algorithm, key)
	}
	k.algorithm = algorithm
	k.principal = sync.OnceValue(k.nameOf)
	return k, nil
}

// algorithms returns the algorithms that a key can be used with, the usual one first.
func algorithms(public crypto.PublicKey, secret []byte) []Algorithm {
	switch p := public.(type) {
	case nil:
		if secret != nil {
			return []Algorithm{HMACSHA256}
		}
	case *rsa.PublicKey:
		return []Algorithm{RSAPSSSHA512, RSAV15SHA256}
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			return []Algorithm{ECDSAP256SHA256}
		case elliptic.P384():
			return []Algorithm{ECDSAP384SHA384}
		}
	case ed25519.PublicKey:
		if len(p) == ed25519.PublicKeySize {
			return []Algorithm{Ed25519}
		}
	}
	return nil
}

// ID returns the id.
func (k Key) ID() string { return k.id }

// Algorithm returns the algorithm.
func (k Key) Algorithm() Algorithm { return k.algorithm }

// Format implements [fmt.Formatter]. It prints the id and the algorithm.
func (k Key) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "key %q for %s", k.id, k.algorithm)
}

// nameOf returns the name of the principal of k: the same for the same key in every process.
func (k *Key) nameOf() string {
	material := k.secret
	if material == nil {
		var err error
		if material, err = x509.MarshalPKIXPublicKey(k.public); err != nil {
			return rand.Text()
		}
	}
	// A cache may write a hash of the name to disk. The iterations make it expensive to
	// guess a secret by that.
	const iterations = 4096
	sum, err := pbkdf2.Key(sha256.New, string(material), fmt.Appendf(nil, "tripper httpsig identity%q%q", k.id, k.algorithm), iterations, 16)
	if err != nil {
		return rand.Text()
	}
	return hex.EncodeToString(sum)
}

// saltLength is the length of the salt of [RSAPSSSHA512], by RFC 9421 §3.3.1.
const saltLength = 64

// digest returns the hash that is signed, and what it is made with: for Ed25519 the base itself.
func (k *Key) digest(base []byte) ([]byte, crypto.Hash) {
	var hash crypto.Hash
	switch k.algorithm {
	case RSAPSSSHA512:
		hash = crypto.SHA512
	case ECDSAP384SHA384:
		hash = crypto.SHA384
	case RSAV15SHA256, ECDSAP256SHA256:
		hash = crypto.SHA256
	default:
		return base, 0
	}
	h := hash.New()
	_, _ = h.Write(base) // never fails
	return h.Sum(nil), hash
}

// sign returns the signature of a signature base (RFC 9421 §3.3).
func (k *Key) sign(base []byte) ([]byte, error) {
	if k.secret != nil {
		return k.mac(base), nil
	}
	if k.signer == nil {
		return nil, roundtrip.Final(errors.New("httpsig: the key is a public key, and cannot sign"))
	}
	digest, hash := k.digest(base)
	var opts crypto.SignerOpts = hash
	if k.algorithm == RSAPSSSHA512 {
		opts = &rsa.PSSOptions{SaltLength: saltLength, Hash: hash}
	}
	sig, err := k.signer.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, roundtrip.Explain("httpsig: signing", err)
	}
	if p, ok := k.public.(*ecdsa.PublicKey); ok {
		return fixed(sig, coordinate(p))
	}
	return sig, nil
}

func (k *Key) mac(base []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	_, _ = h.Write(base) // never fails
	return h.Sum(nil)
}

// coordinate returns the number of bytes of half a signature.
func coordinate(p *ecdsa.PublicKey) int { return (p.Curve.Params().BitSize + 7) / 8 }

// fixed returns an ECDSA signature in ASN.1 as two numbers of n bytes each (RFC 9421 §3.3.4).
func fixed(sig []byte, n int) ([]byte, error) {
	var p struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &p); err != nil || len(rest) > 0 || p.R.Sign() < 0 || p.S.Sign() < 0 || p.R.BitLen() > 8*n || p.S.BitLen() > 8*n {
		return nil, errors.New("httpsig: signing: the key has returned no ECDSA signature")
	}
	out := make([]byte, 2*n)
	p.R.FillBytes(out[:n])
	p.S.FillBytes(out[n:])
	return out, nil
}

// verify reports whether sig is a signature of base by k.
func (k *Key) verify(base, sig []byte) bool {
	digest, hash := k.digest(base)
	switch p := k.public.(type) {
	case nil:
		return k.secret != nil && hmac.Equal(k.mac(base), sig)
	case *rsa.PublicKey:
		if k.algorithm == RSAV15SHA256 {
			return rsa.VerifyPKCS1v15(p, hash, digest, sig) == nil
		}
		return rsa.VerifyPSS(p, hash, digest, sig, &rsa.PSSOptions{SaltLength: saltLength}) == nil
	case *ecdsa.PublicKey:
		n := coordinate(p)
		return len(sig) == 2*n && ecdsa.Verify(p, digest, new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
	case ed25519.PublicKey:
		return ed25519.Verify(p, base, sig)
	}
	return false
}
