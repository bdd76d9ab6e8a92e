package decompress

// What is done with a response.
const (
	actionDecode   = "decode"   // the body is decoded while it is read; the reason names the codings; attributes coding, length
	actionDecoded  = "decoded"  // the body was read to its end; attributes coding, wire, decoded, ratio
	actionTrailing = "trailing" // something came after the end of a coding
	actionPass     = "pass"     // the response is returned as it is; attributes coding, length
	actionRefuse   = "refuse"   // the response is an error; the reason is the error; attributes coding, length
	actionFail     = "fail"     // the body broke; the reason is the error; level WARN; attributes coding, wire, decoded, ratio
)

// Why a response is left as it is.
const (
	reasonBelow   = "decoded below"
	reasonPart    = "a part cannot be decoded"
	reasonEmpty   = "no content"
	reasonUnasked = "not asked for by this layer"
	reasonUnknown = "unknown coding"
	reasonPlain   = "identity"
)

// reasonEnd: the content was decoded to its end.
const reasonEnd = "end of content"

// reasonMethod is the reason if responses to the method have no content.
func reasonMethod(method string) string { return "no content in an answer to " + method }

// reasonTrailing is the reason if bytes after the end of a coding are ignored.
func reasonTrailing(coding string) string { return "bytes after the end of " + coding + " ignored" }
