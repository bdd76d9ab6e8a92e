package negotiate

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

// sample returns a ticket that no KDC has made.
func sample(tb testing.TB) *ticket {
	tb.Helper()
	et, err := crypto.GetEtype(etypeID.AES256_CTS_HMAC_SHA1_96)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := types.GenerateEncryptionKey(et)
	if err != nil {
		tb.Fatal(err)
	}
	t := &ticket{key: key, client: types.NewPrincipalName(1, "ann"), realm: "R", end: time.Now().Add(time.Hour)}
	t.ticket.SName = types.NewPrincipalName(1, "HTTP/www.test")
	return t
}

// proofFor returns what a server with the key answers to h.
func proofFor(tb testing.TB, h *handshake, at time.Time, cusec int) []byte {
	tb.Helper()
	type part struct {
		CTime time.Time `asn1:"generalized,explicit,tag:0"`
		Cusec int       `asn1:"explicit,tag:1"`
	}
	type apRep struct {
		PVNO    int                 `asn1:"explicit,tag:0"`
		MsgType int                 `asn1:"explicit,tag:1"`
		EncPart types.EncryptedData `asn1:"explicit,tag:2"`
	}
	plain := must(asn1.Marshal(part{at.UTC(), cusec}))
	plain = must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, Tag: 27, IsCompound: true, Bytes: plain}))
	sealed := must(crypto.GetEncryptedData(plain, h.ticket.key, keyusage.AP_REP_ENCPART, 0))
	rep := must(asn1.Marshal(apRep{5, 15, sealed}))
	rep = must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, Tag: 15, IsCompound: true, Bytes: rep}))
	inner := must(framed(oidKerberos, append([]byte(idAPRep), rep...)))
	resp := must(asn1.Marshal(negTokenResp{Mech: oidKerberos, Token: inner}))
	return must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: resp}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestFinish: RFC 4120 §3.2.5, the proof repeats the time of the authenticator.
func TestFinish(t *testing.T) {
	t.Parallel()
	h := &handshake{refused: func() {}, ticket: sample(t), requireProof: true}
	if _, err := h.Next(nil); err != nil {
		t.Fatal(err)
	}
	right := proofFor(t, h, h.sent.CTime, h.sent.Cusec)
	changed := bytes.Clone(right)
	changed[len(changed)-1] ^= 1
	stranger := &handshake{refused: func() {}, ticket: sample(t)}
	for _, row := range []struct {
		why   string
		token []byte
		want  error
	}{
		{"it has the key", right, nil},
		{"another key", proofFor(t, stranger, h.sent.CTime, h.sent.Cusec), errProof},
		{"a proof that was seen before", proofFor(t, h, h.sent.CTime.Add(-time.Second), h.sent.Cusec), errProof},
		{"in the same second", proofFor(t, h, h.sent.CTime, h.sent.Cusec^1), errProof},
		{"changed on the way", changed, errProof},
		{"cut", right[:len(right)-9], errProof},
		{"none", nil, errNoProof},
	} {
		if err := h.Finish(row.token); !errors.Is(err, row.want) {
			t.Errorf("%v, want %v: %s", err, row.want, row.why)
		}
	}
}

// TestDelegation: RFC 4121 §4.1.1, what the server may do in the name of the user.
func TestDelegation(t *testing.T) {
	t.Parallel()
	h := &handshake{refused: func() {}, ticket: sample(t)}
	if _, err := h.Next(nil); err != nil {
		t.Fatal(err)
	}
	if sum := h.sent.Cksum.Checksum; len(sum) != 24 || binary.LittleEndian.Uint32(sum[20:]) != flagMutual|flagInteg {
		t.Errorf("%x, want no flag but mutual authentication and integrity, and no ticket", sum)
	}
}

// TestNext: a token with a challenge is a refusal, or of another mechanism.
func TestNext(t *testing.T) {
	t.Parallel()
	h := &handshake{refused: func() {}, ticket: sample(t)}
	for token, refused := range map[string]bool{"oQcwBaADCgEC": true, "AAAA": true, "oQcwBaADCgEB": false, "": true} {
		b, err := base64.StdEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Next(b)
		var unsupported *auth.UnsupportedError
		if errors.Is(err, auth.ErrHandshakeRefused) != refused || errors.As(err, &unsupported) == refused {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	s := new(Scheme)
	for _, row := range []struct{ url, want, why string }{
		{"http://WWW.Example.com:8080/a", "HTTP/www.example.com", "the port is no part of it"},
		{"https://bücher.example/", "HTTP/xn--bcher-kva.example", "the name in DNS"},
		{"http://[::1]/", "HTTP/::1", ""},
	} {
		u, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.service(t.Context(), u); got != row.want {
			t.Errorf("%s: %q, want %q: %s", row.url, got, row.want, row.why)
		}
	}
}

// TestPrints: neither the Scheme nor what it holds is printed.
func TestPrints(t *testing.T) {
	const secret = "kuckuck"
	s := &Scheme{Keytab: secret}
	s.tickets = &tickets{kept: map[ticketKey]*ticket{{login: login{password: secret}}: sample(t)}}
	if text := fmt.Sprintf("%v %+v", struct{ S *Scheme }{s}, s); bytes.Contains([]byte(text), []byte(secret)) {
		t.Error(text)
	}
	rttest.Prints(t, secret, map[string][]any{"Scheme": {s}})
}

func FuzzReply(f *testing.F) {
	h := &handshake{refused: func() {}, ticket: sample(f)}
	if _, err := h.Next(nil); err != nil {
		f.Fatal(err)
	}
	f.Add(proofFor(f, h, h.sent.CTime, h.sent.Cusec))
	for _, token := range []string{"oQcwBaADCgEC", "oQcwBaADCgEA", "AAAA", "YIGZBgkqhkiG9xIBAgICAG+BiTCBhqADAgEFoQMCAQ+iejB4oAMCARKicQRvAAAA"} {
		b, err := base64.StdEncoding.DecodeString(token)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		r, err := parseReply(token)
		if err != nil && (r.failed || r.apRep != nil) {
			t.Error("an error and a reply")
		}
		_ = h.Finish(token)
		if _, err := h.Next(append([]byte{}, token...)); err == nil {
			t.Error("a second token")
		}
	})
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("\x05\x04\x00\x0cgarbage"))
	f.Add([]byte("\x05\x02\x00\x00\x00\x10"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		path := dir + "/file"
		writeFile(t, path, b)
		writeFile(t, dir+"/krb5.conf", []byte("[libdefaults]\ndefault_realm = R\n"))
		for _, l := range []login{{cache: path}, {keytab: path}} {
			l.config, l.user = dir+"/krb5.conf", "ann"
			if _, _, err := l.fetch("HTTP/www.test", nil, time.Now()); err == nil {
				t.Error("no error")
			}
		}
	})
}

func writeFile(tb testing.TB, path string, b []byte) {
	tb.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// TestDrop: a service whose key was changed gets a new ticket, and not one for each refusal.
func TestDrop(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, row := range []struct {
		why  string
		age  time.Duration
		kept bool
	}{
		{"it was made with the present key", time.Second, true},
		{"the key may have changed since", time.Minute, false},
	} {
		l := login{user: "ann"}
		old := sample(t)
		old.got = now.Add(-row.age)
		ts := &tickets{kept: map[ticketKey]*ticket{{l, "HTTP/www.test"}: old}}
		ts.drop(login{user: "bob"}, "HTTP/www.test", now)
		ts.drop(l, "HTTP/www.test", now)
		if _, kept := ts.kept[ticketKey{l, "HTTP/www.test"}]; kept != row.kept {
			t.Errorf("kept %v: %s", kept, row.why)
		}
	}
}
