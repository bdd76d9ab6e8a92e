package compress

import "strconv"

// What is done with the body of a request.
const (
	actionCompress = "compress"   // the body is compressed; the reason names the coding
	actionPlain    = "send plain" // the body is sent as it is
	actionGiveUp   = "give up"    // the refusal is returned
)

// Why a body is sent as it is, or not sent again.
const (
	reasonNoBody    = "no body"
	reasonSmall     = "small body"
	reasonEncoded   = "encoded by the caller"
	reasonPart      = "a part"
	reasonSigned    = "signed by the caller"
	reasonNotTaken  = "the server does not take it"
	reasonNoEncoder = "unknown coding"
	reasonBodyOnce  = "the body cannot be had again"
)

// reasonField is the reason if a field of the request describes the bytes of its body.
func reasonField(name string) string { return "has " + name }

// reasonStatus is the reason if the server has refused the body in another coding.
func reasonStatus(code int) string { return "status " + strconv.Itoa(code) }
