package retry

import (
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestContract(t *testing.T) {
	for name, layer := range map[string]func() rttest.Layer{
		"zero value": func() rttest.Layer { return &Transport{} },
		"everything": func() rttest.Layer {
			return &Transport{
				Attempts: 4, Budget: &Budget{}, Breaker: &Circuit{}, AttemptTimeout: 1 << 40, Hedge: 1 << 40,
			}
		},
		"off": func() rttest.Layer { return &Transport{Attempts: 1, NoResume: true, MaxReplay: -1} },
	} {
		t.Run(name, func(t *testing.T) { rttest.Contract(t, layer) })
	}
}
