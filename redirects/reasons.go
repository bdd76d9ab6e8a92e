package redirects

// What is done about a redirect.
const (
	actionFollow = "follow" // the next request is sent; the reason is the text of the status; attributes next, to, without
	actionStop   = "stop"   // the redirect itself is returned
	actionFail   = "fail"   // the redirect is an error
	actionDrop   = "drop"   // something of the redirect is lost; attributes cookies
)

// Why a redirect is returned and not followed.
const (
	reasonOff          = "redirects are not followed"
	reasonChoices      = "300 without a usable Location is an answer"
	reasonResume       = "308 without a Location is an answer"
	reasonBodyOnce     = "the body cannot be sent again"
	reasonNotEncrypted = "from https to http with credentials or a body"
	reasonPolicy       = "policy"
)

// Why something of a redirect is dropped.
const reasonNoJar = "cookies of a redirect, and no Jar"

// reasonUnsafe is the reason if redirects of requests with this method are not followed.
func reasonUnsafe(method string) string { return "method " + method + " is not safe" }
