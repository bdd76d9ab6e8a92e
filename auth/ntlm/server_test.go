package ntlm_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //nolint:staticcheck // deprecated, but NTLM is made of it

	"github.com/tripper-go/tripper/internal/rttest"
)

// The server's side of NTLMv2 ([MS-NLMP]), written down apart from the client's.

func utf16le(s string) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(s)))
	return b.Bytes()
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(md5.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// ntowfv2 is NTOWFv2 of [MS-NLMP] §3.3.2.
func ntowfv2(password, user, domain string) []byte {
	h := md4.New()
	h.Write(utf16le(password))
	return mac(h.Sum(nil), utf16le(strings.ToUpper(user)+domain))
}

// TestNTOWFv2 is the vector of [MS-NLMP] §4.2.4.1.1.
func TestNTOWFv2(t *testing.T) {
	t.Parallel()
	if got := hex.EncodeToString(ntowfv2("Password", "User", "Domain")); got != "0c868a403bfd7a93a3001ef22ef02e3f" {
		t.Error(got)
	}
}

// challengeOf returns CHALLENGE_MESSAGE ([MS-NLMP] §2.2.1.2) with that nonce.
func challengeOf(nonce []byte, flags uint32) []byte {
	name := utf16le("TEST")
	info := binary.LittleEndian.AppendUint16(nil, 2) // MsvAvNbDomainName
	info = binary.LittleEndian.AppendUint16(info, uint16(len(name)))
	info = append(append(info, name...), 0, 0, 0, 0)
	field := func(b []byte, length, at int) []byte {
		b = binary.LittleEndian.AppendUint16(b, uint16(length))
		b = binary.LittleEndian.AppendUint16(b, uint16(length))
		return binary.LittleEndian.AppendUint32(b, uint32(at))
	}
	b := field([]byte("NTLMSSP\x00\x02\x00\x00\x00"), len(name), 48)
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(append(b, nonce...), make([]byte, 8)...)
	b = field(b, len(info), 48+len(name))
	return append(append(b, name...), info...)
}

// Unicode, NTLM, extended session security, target info.
const usual = 0x1 | 0x200 | 0x80000 | 0x800000

// fieldOf returns the field of a message whose length is at that offset.
func fieldOf(message []byte, at int) []byte {
	if len(message) < at+8 {
		return nil
	}
	n, from := int(binary.LittleEndian.Uint16(message[at:])), int(binary.LittleEndian.Uint32(message[at+4:]))
	if from+n > len(message) {
		return nil
	}
	return message[from : from+n]
}

func textOf(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// newServer returns a server for NTLM that knows the passwords of users in the domain TEST.
func newServer(passwords map[string]string) *rttest.HandshakeServer {
	return &rttest.HandshakeServer{Scheme: "NTLM", Answer: func(state *any, token []byte) (reply []byte, user string, ok bool) {
		if len(token) < 12 || string(token[:8]) != "NTLMSSP\x00" {
			return nil, "", false
		}
		nonce, _ := (*state).([]byte)
		switch token[8] {
		case 1:
			nonce = make([]byte, 8)
			_, _ = rand.Read(nonce)
			*state = nonce
			return challengeOf(nonce, usual), "", true
		case 3:
			response, domain := fieldOf(token, 20), textOf(fieldOf(token, 28))
			user = textOf(fieldOf(token, 36))
			password, known := passwords[user]
			if nonce == nil || !known || domain != "TEST" || len(response) < 16 {
				return nil, "", false
			}
			// [MS-NLMP] §3.3.2: NTProofStr covers the nonce of the server and the rest.
			want := mac(ntowfv2(password, user, domain), nonce, response[16:])
			return nil, user, hmac.Equal(want, response[:16])
		}
		return nil, "", false
	}}
}
