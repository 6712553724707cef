package document_test

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// Link is a kind of document.
type Link struct {
	Name      string        `json:"name" document:"required"`
	Rate      float64       `json:"nodeBytesPerSecond"`
	RoundTrip time.Duration `json:"roundTripSeconds,omitempty"`
}

// Validate reports what a single field cannot show.
func (l Link) Validate() error {
	if l.RoundTrip > time.Minute {
		return document.At("roundTripSeconds", "%v is no round trip", l.RoundTrip)
	}
	return nil
}

func Example() {
	text := `
apiVersion: cachebench/v1
kind: Link
name: office
nodeBytesPerSecond: 200Mbit/s
roundTripSeconds: 20ms
`
	var link Link
	if err := document.Read("link.yaml", []byte(text), "Link", &link); err != nil {
		fmt.Println(err)
	}
	out, err := document.Marshal("Link", link)
	if err != nil {
		fmt.Println(err)
	}
	os.Stdout.Write(out)
	// Output:
	// {
	//   "apiVersion": "cachebench/v1",
	//   "kind": "Link",
	//   "name": "office",
	//   "nodeBytesPerSecond": 25000000,
	//   "roundTripSeconds": 0.02
	// }
}

func ExampleRead_faults() {
	text := `
apiVersion: cachebench/v1
kind: Link
name: office
nodeBytesPerSecond: 20ms
roundTrip: 2m
`
	err := document.Read("link.yaml", []byte(text), "Link", &Link{})
	fmt.Println(err)
	var first *document.Error
	fmt.Println(errors.As(err, &first), first.Line, first.Path)
	// Output:
	// link.yaml:5: nodeBytesPerSecond: "20ms" is a time, not a rate in bytes per second: write bytes per second (25000000), a unit ("200Mbit/s", "25MB/s") or "unlimited"
	// link.yaml:6: roundTrip: unknown key; did you mean roundTripSeconds?
	// true 5 nodeBytesPerSecond
}
