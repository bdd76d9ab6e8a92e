package negotiate

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/krberror"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A login says who somebody is, and by what.
type login struct {
	config, keytab, cache string // paths
	user, password        string
}

// A ticket is a Kerberos ticket with what is needed to use it.
type ticket struct {
	ticket messages.Ticket
	key    types.EncryptionKey // of the session
	client types.PrincipalName
	realm  string // of client
	end    time.Time
	got    time.Time // when it was got
}

// maxFile bounds a keytab or a credential cache.
const maxFile = 4 << 20

// fetch gets a ticket for service, by the ticket granting, or by a new one if that is not
// usable. It returns the one that was used, or nil if that is worth nothing.
//
// gokrb5 parses messages without looking at lengths everywhere: what it panics about is
// malformed.
func (l login) fetch(service string, granting *ticket, now time.Time) (got, used *ticket, err error) {
	defer func() {
		if r := recover(); r != nil {
			got, used, err = nil, nil, errors.New("the keytab or an answer of the KDC is malformed")
		}
	}()
	conf, err := load(l.config)
	if err != nil {
		return nil, nil, err
	}
	p, err := l.open(conf)
	if err != nil {
		return nil, nil, err
	}
	defer p.client.Destroy() // it has a goroutine for each referral to another realm
	if got := p.cached(service, now); got != nil {
		return got, nil, nil
	}
	if granting.usable(now) {
		if got, err = p.grant(service, granting); err == nil {
			return got, granting, nil
		}
	}
	if granting, err = p.authenticate(now); err != nil {
		return nil, nil, explain(err)
	}
	if got, err = p.grant(service, granting); err != nil {
		return nil, granting, explain(err)
	}
	return got, granting, nil
}

// load reads krb5.conf.
func load(path string) (*config.Config, error) {
	conf, err := config.Load(path)
	var unsupported config.UnsupportedDirective
	if err != nil && !errors.As(err, &unsupported) {
		return nil, roundtrip.Final(err)
	}
	return conf, nil
}

// A party is a client of the KDC.
type party struct {
	client *client.Client
	cache  *ccache // nil: it has a password or a key
}

// open returns the client of l.
func (l login) open(conf *config.Config) (*party, error) {
	user, realm, ok := strings.Cut(l.user, "@")
	if !ok {
		realm = conf.LibDefaults.DefaultRealm
	}
	switch {
	case l.password != "":
		return &party{client: client.NewWithPassword(user, realm, l.password, conf)}, nil
	case l.keytab != "":
		b, err := read(l.keytab)
		if err != nil {
			return nil, err
		}
		keys := keytab.New()
		if err := keys.Unmarshal(b); err != nil {
			return nil, roundtrip.Final(errors.New("the keytab is malformed"))
		}
		return &party{client: client.NewWithKeytab(user, realm, keys, conf)}, nil
	}
	b, err := read(l.cache)
	if err != nil {
		return nil, err
	}
	cache, err := parseCache(b)
	if err != nil {
		return nil, err
	}
	if cache.client != (principal{user, realm}) {
		return nil, errors.New("the credential cache belongs to another principal")
	}
	c := client.NewWithPassword(user, realm, "", conf)
	return &party{client: c, cache: cache}, nil
}

// read reads a file of bounded size.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is too large", path)
	}
	return os.ReadFile(path)
}

// own returns a ticket of p.
func (p *party) own(t messages.Ticket, key types.EncryptionKey, end time.Time) *ticket {
	creds := p.client.Credentials
	return &ticket{ticket: t, key: key, client: creds.CName(), realm: creds.Domain(), end: end}
}

// cached returns a ticket for service in the credential cache, or nil.
func (p *party) cached(service string, now time.Time) *ticket {
	if p.cache == nil {
		return nil
	}
	e := p.cache.find(service)
	if e == nil {
		return nil
	}
	var t messages.Ticket
	if err := t.Unmarshal(e.ticket); err != nil {
		return nil
	}
	if got := p.own(t, e.key, e.end); got.usable(now) {
		return got
	}
	return nil
}

// authenticate returns a ticket to get others by.
func (p *party) authenticate(now time.Time) (*ticket, error) {
	creds := p.client.Credentials
	if p.cache != nil {
		granting := p.cached("krbtgt/"+creds.Domain(), now)
		if granting == nil {
			return nil, errors.New("the credential cache has no ticket that is valid")
		}
		return granting, nil
	}
	req, err := messages.NewASReqForTGT(creds.Domain(), p.client.Config, creds.CName())
	if err != nil {
		return nil, err
	}
	reply, err := p.client.ASExchange(creds.Domain(), req, 0)
	if err != nil {
		return nil, err
	}
	return p.own(reply.Ticket, reply.DecryptedEncPart.Key, reply.DecryptedEncPart.EndTime), nil
}

// grant asks the KDC for a ticket for service.
func (p *party) grant(service string, granting *ticket) (*ticket, error) {
	name := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, service)
	home := p.client.Credentials.Domain()
	realm := p.client.Config.ResolveRealm(name.NameString[len(name.NameString)-1])
	tgt, key := granting.ticket, granting.key
	if realm == "" {
		realm = home
	}
	if realm != home {
		// RFC 4120 §1.2: by a ticket for the other realm's KDC.
		there := types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}
		_, reply, err := p.client.TGSREQGenerateAndExchange(there, home, tgt, key, false)
		if err != nil {
			return nil, err
		}
		tgt, key = reply.Ticket, reply.DecryptedEncPart.Key
	}
	_, reply, err := p.client.TGSREQGenerateAndExchange(name, realm, tgt, key, false)
	if err != nil {
		return nil, err
	}
	return p.own(reply.Ticket, reply.DecryptedEncPart.Key, reply.DecryptedEncPart.EndTime), nil
}

// explain returns err, marked as permanent if the KDC has refused: the password is wrong, or
// it does not know the user or the service.
func explain(err error) error {
	k, ok := errors.AsType[krberror.Krberror](err)
	switch {
	case ok && k.RootCause == krberror.KDCError, ok && strings.Contains(k.Error(), "password/keytab incorrect"):
		return roundtrip.Final(err)
	}
	return err
}
