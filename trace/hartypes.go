package trace

// The types of HAR 1.2, as far as a client knows what to put there.
type (
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []struct{} `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		QueryString []harPair  `json:"queryString"`
		HeadersSize int64      `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`

		previous string // what redirected here
	}
	harContent struct {
		Size     int64  `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
	}
	harResponse struct {
		Status       int        `json:"status"`
		StatusText   string     `json:"statusText"`
		HTTPVersion  string     `json:"httpVersion"`
		Cookies      []struct{} `json:"cookies"`
		Headers      []harPair  `json:"headers"`
		Content      harContent `json:"content"`
		RedirectURL  string     `json:"redirectURL"`
		HeadersSize  int64      `json:"headersSize"`
		BodySize     int64      `json:"bodySize"`
		TransferSize int64      `json:"_transferSize"`
		Error        string     `json:"_error,omitempty"`

		etag string
	}
	// harTimings are milliseconds; -1 says that a phase did not take place. Without
	// SSL, which is part of Connect, and without the phases of -1 they add up to the
	// time of the entry.
	harTimings struct {
		Blocked float64 `json:"blocked"`
		DNS     float64 `json:"dns"`
		Connect float64 `json:"connect"`
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
		SSL     float64 `json:"ssl"`
	}
	harCache struct {
		BeforeRequest *harCached `json:"beforeRequest,omitempty"`
	}
	harCached struct {
		LastAccess string `json:"lastAccess"`
		ETag       string `json:"eTag"`
		HitCount   int    `json:"hitCount"`
	}
	harInitiator struct {
		Type string `json:"type"`
		URL  string `json:"url,omitempty"`
	}
	harEvent struct {
		Time       float64 `json:"time"`
		Hop        int     `json:"hop,omitempty"`
		Attempt    int     `json:"attempt,omitempty"`
		Background bool    `json:"background,omitempty"`
		Layer      string  `json:"layer"`
		Action     string  `json:"action"`
		Reason     string  `json:"reason,omitempty"`
		Status     int     `json:"status,omitempty"`
		Error      string  `json:"error,omitempty"`
		Detail     string  `json:"detail,omitempty"`
	}
	harJSON struct {
		Started    string        `json:"startedDateTime"`
		Time       float64       `json:"time"`
		Request    harRequest    `json:"request"`
		Response   harResponse   `json:"response"`
		Cache      harCache      `json:"cache"`
		Timings    harTimings    `json:"timings"`
		ServerIP   string        `json:"serverIPAddress,omitempty"`
		Connection string        `json:"connection,omitempty"`
		Type       string        `json:"_resourceType"`
		FromCache  string        `json:"_fromCache,omitempty"`
		Initiator  *harInitiator `json:"_initiator,omitempty"`
		Call       uint64        `json:"_call"`
		Hop        int           `json:"_hop"`
		Attempt    int           `json:"_attempt"`
		Background bool          `json:"_background,omitempty"`
		Events     []harEvent    `json:"_events,omitempty"`
	}
)
