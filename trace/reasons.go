package trace

// layerWire is the layer of the events of [Wire].
const layerWire = "wire"

// What an exchange with a server has come to.
const (
	actionResponse = "response" // its head is there; attributes duration, remote
	actionFail     = "fail"     // there is no response; attributes duration
	actionBody     = "body"     // it has ended; may have level WARN; attributes duration, bytes
)

// What connection the exchange has, and how its body has ended.
const (
	reasonNewConnection = "over a new connection"
	reasonReused        = "over a connection that was there"
	reasonNoConnection  = "over no connection that is known of"
	reasonComplete      = "complete"
	reasonClosed        = "closed before its end"
	reasonBroken        = "broken"
)
