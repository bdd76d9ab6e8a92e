package dictionary

// What is done about dictionaries. The layer of the events is decompress.
const (
	actionDictionary   = "dictionary"    // a dictionary is offered, or there will be another
	actionNoDictionary = "no dictionary" // the response becomes none
)

// reasonRecorded: the response becomes a dictionary when it has been read.
const reasonRecorded = "recorded"

// Why a response is no dictionary.
const (
	reasonNotGot      = "not a 200 to a GET"
	reasonNotDecoded  = "not decoded"
	reasonNotSecure   = "not a secure context"
	reasonTooLarge    = "too large"
	reasonNotFresh    = "not fresh"
	reasonMatchType   = "match is not a string"
	reasonID          = "id is not a string of up to 1024 characters"
	reasonUnknownType = "unknown type"
	reasonMatchLength = "no match, or one that is too long"
	reasonMatch       = "match is not understood or for another origin"
)

// reasonOffered is the reason if a request names the dictionary from a URL.
func reasonOffered(url string) string { return "offered, from " + url }
