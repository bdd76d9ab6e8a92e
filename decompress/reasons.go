package decompress

// What is done with a response.
const (
	actionDecode   = "decode"
	actionDecoded  = "decoded" // the body was read to its end
	actionTrailing = "trailing"
	actionPass     = "pass"
	actionRefuse   = "refuse"
	actionFail     = "fail"
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
