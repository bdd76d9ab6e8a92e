package main

import (
	"time"

	"github.com/spf13/pflag"
)

// requestOptions say what is asked for, by whom, and over which connection. The commands that send
// requests, or ask what one would get, have them in common.
type requestOptions struct {
	method    string
	headers   []string
	agent     string
	referer   string
	cookies   []string
	span      string // -r
	headOnly  bool
	asGet     bool
	data      []part
	form      []part
	upload    string
	insecure  bool
	proxy     string
	proxySet  bool // -x was given, perhaps empty
	proxyUser string
	roots     string
	cert, key string

	user                   string
	basic, digest, anyauth bool
	bearer                 string
	netrc                  bool
	netrcFile              string

	maxTime, connectTime seconds
}

func (o *requestOptions) requestFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.method, "request", "X", "", "send the request, and those that redirects lead to, with `method`")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "send `field`, \"Name: value\"; \"Name:\" leaves it out, \"Name;\" sends it empty, @FILE reads a file")
	f.StringVarP(&o.agent, "user-agent", "A", "tripper", "send `name` as that of the program; empty for none")
	f.StringVarP(&o.referer, "referer", "e", "", "send `URL` as that of the page that leads there")
	f.StringArrayVarP(&o.cookies, "cookie", "b", nil, "send `cookies`, \"a=1; b=2\", to the host of the URL; files of cookies are not supported")
	f.StringVarP(&o.span, "range", "r", "", "ask for `bytes` of the content, as in 0-499 or -500")
	f.BoolVarP(&o.headOnly, "head", "I", false, "ask for the header only, and print it")
}

func (o *requestOptions) bodyFlags(f *pflag.FlagSet) {
	partsVar(f, &o.data, "data", "d", "send `data` by POST, as a form; @FILE reads it, without ends of line")
	partsVar(f, &o.data, "data-raw", "", "the same `data`, and @ means nothing")
	partsVar(f, &o.data, "data-binary", "", "the same `data`, and @FILE is sent as it is")
	partsVar(f, &o.data, "data-urlencode", "", "the same, percent-encoded: `data` is content, =content, name=content, @file or name@file")
	partsVar(f, &o.data, "json", "", "send `data` as JSON, and ask for JSON")
	partsVar(f, &o.form, "form", "F", "send a form of parts; `part` is name=value, name=@file or name=<file, with ;type= and ;filename=")
	f.BoolVarP(&o.asGet, "get", "G", false, "put the data of -d into the URL, and GET it")
	f.StringVarP(&o.upload, "upload-file", "T", "", "send `file` by PUT; - is the input")
}

func (o *requestOptions) credentialFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.user, "user", "u", "", "sign in as `user`, whose password is asked for. user:password works too: the shell keeps it, and others may see it in the list of processes, on Linux until it is blanked at the start")
	f.BoolVar(&o.basic, "basic", false, "send the password at once, by Basic (what -u does)")
	f.BoolVar(&o.digest, "digest", false, "answer Digest, and nothing else")
	f.BoolVar(&o.anyauth, "anyauth", false, "wait for the challenge, and answer the strongest scheme")
	f.StringVar(&o.bearer, "oauth2-bearer", "", "send `token`, as a bearer token")
	f.BoolVarP(&o.netrc, "netrc", "n", false, "take passwords from ~/.netrc, or the file $NETRC")
	f.StringVar(&o.netrcFile, "netrc-file", "", "take passwords from `file`")
}

func (o *requestOptions) connectionFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.proxy, "proxy", "x", "", "go through `proxy`, [scheme://]host:port, with http, https, socks4, socks4a, socks5 or socks5h; empty for none, in spite of HTTPS_PROXY")
	f.StringVarP(&o.proxyUser, "proxy-user", "U", "", "sign in to the proxy as `user`, as in -u")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "trust any server")
	f.StringVar(&o.roots, "cacert", "", "trust the authorities in the PEM `file`, in place of the system's")
	f.StringVarP(&o.cert, "cert", "E", "", "show the client certificate in the PEM `file` to the host of the URL; FILE:PASSWORD for an encrypted key")
	f.StringVar(&o.key, "key", "", "take its key from the PEM `file`, if that is another")
	f.VarP(&o.maxTime, "max-time", "m", "fail if all takes more than so many `seconds`")
	f.Var(&o.connectTime, "connect-timeout", "fail if connecting takes more than so many `seconds`")
}

// getOptions are the options of get.
type getOptions struct {
	requestOptions

	compressed   bool
	location     bool
	maxRedirects int

	output         string
	remoteName     bool
	resume         string // -C
	include        bool
	dump           string
	fail, failBody bool
	silent, errors bool
	noMeter        bool
	verbose        bool

	retries    int
	retryDelay seconds
	retryTime  seconds

	cache     string
	cacheSize size
	keyFile   string
	timeline  bool
	har, page string
}

func (o *getOptions) command() *command {
	c := &command{name: "get", args: "URL", about: aboutGet, after: exitCodes}
	f := c.group("What is asked for:")
	o.requestFlags(f)
	f.BoolVar(&o.compressed, "compressed", false, "ask for compressed content, and decode it")
	f.BoolP("globoff", "g", false, "has no effect: brackets and braces in a URL always stand for themselves")
	o.bodyFlags(c.group("What is sent:"))
	f = c.group("What becomes of the response:")
	f.StringVarP(&o.output, "output", "o", "", "write the content to `file`; - is the output")
	f.BoolVarP(&o.remoteName, "remote-name", "O", false, "write the content to a file of the name that the URL ends in")
	f.StringVarP(&o.resume, "continue-at", "C", "", "go on at byte `offset` of the content; - goes on where the file ends, if the content is still the same")
	f.BoolVarP(&o.include, "include", "i", false, "print the header too, before the content")
	f.StringVarP(&o.dump, "dump-header", "D", "", "write the header to `file`")
	f.BoolVarP(&o.fail, "fail", "f", false, "a status of 400 or above is a failure, and its content is not wanted")
	f.BoolVar(&o.failBody, "fail-with-body", false, "the same, but its content is wanted")
	f = c.group("Redirects and retries:")
	f.BoolVarP(&o.location, "location", "L", false, "follow redirects; passwords and cookies stay with the host they are for")
	f.IntVar(&o.maxRedirects, "max-redirs", 50, "follow at most `n` redirects (50); -1 for no limit")
	f.IntVar(&o.retries, "retry", 0, "send again up to `n` times what failed for a reason that may pass, and go on with content that breaks off")
	f.Var(&o.retryDelay, "retry-delay", "wait `seconds` before each, in place of a time that grows")
	f.Var(&o.retryTime, "retry-max-time", "make no further try after so many `seconds`")
	o.credentialFlags(c.group("Passwords:"))
	o.connectionFlags(c.group("The connection:"))
	f = c.group("Cache:")
	f.StringVar(&o.cache, "cache", "", "keep responses in `store`, a directory or redis://host:6379/0?namespace=NAME, and use those that are there")
	f.Var(&o.cacheSize, "cache-size", "let a directory take `size` bytes, as in 500M (1G)")
	f.StringVar(&o.keyFile, "cache-key-file", "", "decrypt a directory with the secret in `file`")
	f = c.group("To see what happens:")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print each exchange with a server, without secrets")
	f.BoolVar(&o.timeline, "timeline", false, "print at the end what each layer decided, and when")
	f.StringVar(&o.har, "har", "", "write the exchanges to `file`, as HAR 1.2, without secrets and content")
	f.StringVar(&o.page, "page", "", "write the timeline to `file`, as an HTML page")
	f.BoolVarP(&o.silent, "silent", "s", false, "print neither progress nor errors")
	f.BoolVarP(&o.errors, "show-error", "S", false, "print errors in spite of -s")
	f.BoolVar(&o.noMeter, "no-progress-meter", false, "print no progress")
	return c
}

const aboutGet = `Gets URL, and shows on request what every layer did about it. Options mean what
they mean in curl; a URL without a scheme is an http URL.

Where it differs from curl: -C - goes on with a file only if the server confirms
that the content is still the same, and begins again otherwise. What the file is
the beginning of stands in FILE.tripper until it is complete. --retry sends a
POST again only if the server has certainly not processed it. The cookies of -b
and the certificate of -E are for the host of the URL only.
`

// limit returns the time that all may take, zero for no limit.
func (o *requestOptions) limit() time.Duration { return time.Duration(o.maxTime) }
