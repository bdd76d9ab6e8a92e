package httpsig

// What is done with a request, or with the response to it.
const (
	actionSign     = "sign"     // the request is signed; attributes algorithm
	actionUnsigned = "unsigned" // the request is sent as it is
	actionVerify   = "verify"   // the signature of the response is valid
	actionRefuse   = "refuse"   // the response is not returned, or its body fails; level WARN
)

// Why a request is signed, or not.
const (
	reasonAsked      = "for this origin"
	reasonNoKey      = "no key"
	reasonOwn        = "the request brings a signature, or wants none"
	reasonNoHost     = "no host"
	reasonOtherPlace = "no domain names this origin"
	reasonRedirected = "a redirect has led to another origin"
)

// What is found about a response.
const (
	reasonValid   = "the signature is valid"
	reasonInvalid = "no valid signature"
	reasonContent = "the content is not that of its Content-Digest"
)
