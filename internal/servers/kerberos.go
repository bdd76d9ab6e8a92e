package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A KDC is a running Kerberos key distribution center.
type KDC struct {
	*Server
	// Realm is its realm.
	Realm string
	// Config is the path of a krb5.conf for it.
	Config string

	t     testing.TB
	admin string
}

// MIT Kerberos: everything in files of its own, nothing asked of DNS. The domain of a host
// does not matter, since there is one realm.
const (
	krb5Conf = `[libdefaults]
	default_realm = TRIPPER.TEST
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
	udp_preference_limit = 1
[realms]
	TRIPPER.TEST = {
		kdc = ADDR
	}
[domain_realm]
	.test = TRIPPER.TEST
[logging]
	kdc = FILE:DIR/kdc.log
	default = FILE:DIR/default.log
`
	kdcConf = `[kdcdefaults]
	kdc_listen = 127.0.0.1:{{.Port}}
	kdc_tcp_listen = 127.0.0.1:{{.Port}}
[realms]
	TRIPPER.TEST = {
		database_name = {{.Dir}}/principal
		key_stash_file = {{.Dir}}/stash
		acl_file = {{.Dir}}/acl
		max_life = 1h
		default_principal_flags = +preauth
	}
`
)

// Kerberos starts a KDC (Debian: krb5-kdc and krb5-admin-server) without principals of users
// and services. The programs of MIT Kerberos, and servers that link it, find it by the
// environment that it sets for the test.
func Kerberos(t testing.TB) *KDC {
	t.Helper()
	bin := Find(t, "krb5kdc", "krb5-kdc")
	k := &KDC{Realm: "TRIPPER.TEST", t: t, admin: Find(t, "kadmin.local", "krb5-admin-server")}
	util := Find(t, "kdb5_util", "krb5-kdc")
	k.Server = start(t, spec{
		name: "kdc.conf",
		conf: kdcConf,
		cmd: func(s *Server, conf string) *exec.Cmd {
			k.Config = Write(t, s.Dir, "krb5.conf", strings.NewReplacer("ADDR", s.Addr, "DIR", s.Dir).Replace(krb5Conf))
			t.Setenv("KRB5_CONFIG", k.Config)
			t.Setenv("KRB5_KDC_PROFILE", conf)
			t.Setenv("KRB5RCACHEDIR", s.Dir)
			t.Setenv("KRB5CCNAME", "FILE:"+filepath.Join(s.Dir, "ccache"))
			k.run(util, "create", "-s", "-r", k.Realm, "-P", "master")
			return exec.Command(bin, "-n", "-P", filepath.Join(s.Dir, "kdc.pid"))
		},
	})
	return k
}

// run runs a program of Kerberos.
func (k *KDC) run(program string, args ...string) {
	k.t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		k.t.Fatalf("servers: %s: %v\n%s", filepath.Base(program), err, out)
	}
}

// Add adds a principal of a user.
func (k *KDC) Add(principal, password string) {
	k.t.Helper()
	k.run(k.admin, "-r", k.Realm, "addprinc", "-pw", password, principal)
}

// Keytab adds a principal with random keys, and returns a file with them. All users may read
// it, as the servers do.
func (k *KDC) Keytab(principal string) string {
	k.t.Helper()
	path := filepath.Join(k.Dir, strings.ReplaceAll(principal, "/", "-")+".keytab")
	k.run(k.admin, "-r", k.Realm, "addprinc", "-randkey", principal)
	k.run(k.admin, "-r", k.Realm, "ktadd", "-k", path, principal)
	if err := os.Chmod(path, 0o644); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// Login writes a credential cache of principal, and returns its path.
func (k *KDC) Login(principal, password string) string {
	k.t.Helper()
	path := filepath.Join(k.Dir, principal+".ccache")
	cmd := exec.Command(Find(k.t, "kinit", "krb5-user"), "-c", "FILE:"+path, principal)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("servers: kinit: %v\n%s", err, out)
	}
	return path
}

// Log returns what the KDC has logged: a line for each request.
func (k *KDC) Log() string {
	k.t.Helper()
	b, err := os.ReadFile(filepath.Join(k.Dir, "kdc.log"))
	if err != nil {
		k.t.Fatal(err)
	}
	return string(b)
}
