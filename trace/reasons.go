package trace

// What [Wire] tells.
const (
	layerWire = "wire"

	actionResponse = "response"
	actionFail     = "fail"
	actionBody     = "body"

	reasonNewConnection = "over a new connection"
	reasonReused        = "over a connection that was there"
	reasonNoConnection  = "over no connection that is known of"
	reasonComplete      = "complete"
	reasonClosed        = "closed before its end"
	reasonBroken        = "broken"
)
