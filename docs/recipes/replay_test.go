package recipes_test

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/retry"
)

func Example_recordAndReplay() {
	cassette := filepath.Join(os.TempDir(), fmt.Sprint("recipe-vcr-", os.Getpid()))
	defer os.Remove(cassette + ".yaml")
	address := ""
	client := func() (*http.Client, func() error) {
		vcr, err := recorder.New(cassette) // it records where there is no cassette, else it plays
		if err != nil {
			log.Fatal(err)
		}
		// The recorder is the leaf, so that the layers are tested as well.
		return tripper.Chain{&retry.Transport{}}.Client(vcr), vcr.Stop
	}

	origin := serve(fresh)
	address = origin.URL
	recording, stop := client()
	_, body := get(recording, address)
	fmt.Println(body)
	_ = stop()
	origin.Close() // from here on nobody answers

	playing, stop := client()
	_, body = get(playing, address)
	fmt.Println(body)
	_ = stop()
	// Output:
	// hello
	// hello
}
