package from

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"

	"github.com/tripper-go/tripper/decompress"
)

func gzhttpBefore() *http.Client {
	return &http.Client{Transport: gzhttp.Transport(http.DefaultTransport)}
}

func gzhttpAfter() *http.Client {
	return &http.Client{Transport: &decompress.Transport{}}
}
