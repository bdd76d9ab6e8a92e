package transport

// What is done to send a request.
const (
	actionCertificate  = "certificate"  // a client certificate is used
	actionProxy        = "proxy"        // a proxy is used
	actionAuthenticate = "authenticate" // the proxy is sent credentials
	actionFail         = "fail"         // there is no response
)

// reasonProxyAsks: a proxy has answered 407.
const reasonProxyAsks = "the proxy asks for it"

// reasonDomain is the reason if the client certificate for a domain is used.
func reasonDomain(domain string) string { return "for " + domain }

// reasonHost is the reason if a request goes through a proxy.
func reasonHost(kind proxyKind, host string) string { return kind.String() + " proxy " + host }
