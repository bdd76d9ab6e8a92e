package transport

// What is done to send a request.
const (
	actionCertificate  = "certificate"
	actionProxy        = "proxy"
	actionAuthenticate = "authenticate"
	actionFail         = "fail"
)

// reasonProxyAsks: a proxy has answered 407.
const reasonProxyAsks = "the proxy asks for it"

// reasonDomain says which domain a client certificate is for.
func reasonDomain(domain string) string { return "for " + domain }

// reasonHost says which proxy a request goes through.
func reasonHost(kind proxyKind, host string) string { return kind.String() + " proxy " + host }
