package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // for keys that were encrypted long ago
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the default of PBKDF2 (RFC 8018 appendix A.2)
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// decryptPEM returns the first private key in the PEM data, decrypted if it is encrypted,
// and nothing else.
func decryptPEM(data, password []byte) ([]byte, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "PRIVATE KEY" && !strings.HasSuffix(block.Type, " PRIVATE KEY") {
			continue
		}
		der := block.Bytes
		typ := block.Type
		var err error
		pkcs8 := typ == "ENCRYPTED PRIVATE KEY"  // RFC 5958 §3
		older := x509.IsEncryptedPEMBlock(block) //nolint:staticcheck // insecure, but what the files are
		switch {
		case (pkcs8 || older) && len(password) == 0:
			return nil, errNoPassword
		case pkcs8:
			der, err = decryptPKCS8(block.Bytes, password)
			typ = "PRIVATE KEY"
		case older:
			der, err = x509.DecryptPEMBlock(block, password) //nolint:staticcheck // likewise
		}
		if err != nil {
			return nil, err
		}
		if !isKey(der) {
			if typ != block.Type || len(block.Headers) > 0 {
				return nil, x509.IncorrectPasswordError // decrypted, and still no key
			}
			return nil, errors.New("not a private key of a known kind")
		}
		return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}), nil
	}
	return nil, errors.New("no private key")
}

var errNoPassword = errors.New("the key is encrypted and there is no password")

// isKey reports whether der is a private key.
func isKey(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}

// Structures of RFC 5958 §3 and RFC 8018 appendix A.

type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	KDF    pkix.AlgorithmIdentifier
	Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// scryptParams is of RFC 7914 §7.
type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
)

// prfs are the functions that PBKDF2 may be told to use.
var prfs = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
	"1.2.840.113549.2.12": sha512.New512_224,
	"1.2.840.113549.2.13": sha512.New512_256,
}

// ciphers are the ones that PBES2 may be told to use, all in CBC mode.
var ciphers = map[string]struct {
	keyLength int
	new       func(key []byte) (cipher.Block, error)
}{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

// Bounds of the work that a file may ask for. OpenSSL's own are 2048 rounds and
// 16 MiB.
const (
	maxIterations = 10_000_000
	maxScrypt     = 256 << 20
)

// decryptPKCS8 decrypts an EncryptedPrivateKeyInfo (RFC 5958 §3) made by PBES2
// (RFC 8018 §6.2).
func decryptPKCS8(der, password []byte) ([]byte, error) {
	var info encryptedPrivateKeyInfo
	if err := unmarshal(der, &info); err != nil {
		return nil, err
	}
	if id := info.Algorithm.Algorithm.String(); id != oidPBES2 {
		return nil, fmt.Errorf("encryption %s is not supported, only PBES2 is", id)
	}
	var params pbes2Params
	if err := unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, err
	}
	c, ok := ciphers[params.Cipher.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("cipher %s is not supported", params.Cipher.Algorithm)
	}
	key, err := deriveKey(params.KDF, password, c.keyLength)
	if err != nil {
		return nil, err
	}
	block, err := c.new(key)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if err := unmarshal(params.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(iv) != size || len(info.Data) == 0 || len(info.Data)%size != 0 {
		return nil, errors.New("malformed encrypted key")
	}
	out := make([]byte, len(info.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, info.Data)
	// RFC 8018 §6.1.1: n bytes of value n. Anything else is the wrong password.
	n := int(out[len(out)-1])
	if n == 0 || n > size || !bytes.HasSuffix(out, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, x509.IncorrectPasswordError
	}
	return out[:len(out)-n], nil
}

// deriveKey makes a key of length bytes from the password.
func deriveKey(kdf pkix.AlgorithmIdentifier, password []byte, length int) ([]byte, error) {
	switch id := kdf.Algorithm.String(); id {
	case oidPBKDF2:
		var p pbkdf2Params
		if err := unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		prf, ok := prfs[p.PRF.Algorithm.String()]
		switch {
		case !ok:
			return nil, fmt.Errorf("hash %s is not supported", p.PRF.Algorithm)
		case p.Iterations < 1 || p.Iterations > maxIterations:
			return nil, fmt.Errorf("%d iterations asked for, %d is the limit", p.Iterations, maxIterations)
		case p.KeyLength != 0 && p.KeyLength != length:
			return nil, errors.New("malformed encrypted key")
		}
		return pbkdf2.Key(prf, string(password), p.Salt, p.Iterations, length)
	case oidScrypt:
		var p scryptParams
		if err := unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		if p.KeyLength != 0 && p.KeyLength != length {
			return nil, errors.New("malformed encrypted key")
		}
		return p.key(password, length)
	default:
		return nil, fmt.Errorf("key derivation %s is not supported, only PBKDF2 and scrypt are", id)
	}
}

// unmarshal parses all of der.
func unmarshal(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err != nil || len(rest) > 0 {
		return errors.New("malformed encrypted key")
	}
	return nil
}

// key derives a key of length bytes from the password. It needs 128·N·r bytes.
func (s scryptParams) key(password []byte, length int) ([]byte, error) {
	n, r, p := int64(s.N), int64(s.R), int64(s.P)
	if n > 1<<24 || r > 1<<10 || p > 1<<10 || 128*n*r > maxScrypt || 128*n*r*p > 4*maxScrypt {
		return nil, errors.New("parameters of scrypt beyond the limit")
	}
	return scrypt.Key(password, s.Salt, s.N, s.R, s.P, length)
}
