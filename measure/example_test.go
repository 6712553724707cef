package measure_test

import (
	"fmt"
	"log"

	"github.com/cachebench/cachebench/measure"
)

// A grid is a short way to write many arms.
func ExampleReadExperiment() {
	e, err := measure.ReadExperiment("links.yaml", []byte(`apiVersion: cachebench/v1
kind: Experiment
repeats: 5
grids:
- images: [registry.example.com/app/api:1.0]
  keep: [nothing, base]
  base: [registry.example.com/base/debian:12]
  links: [200Mbit/s, {bytesPerSecond: 200Mbit/s, delaySeconds: 20ms}]
`))
	if err != nil {
		log.Fatal(err)
	}
	for _, arm := range e.Expand() {
		fmt.Println(arm.Name)
	}
	// Output:
	// app/api:1.0 keep=nothing link=200Mbit/s
	// app/api:1.0 keep=nothing link=200Mbit/s+20ms
	// app/api:1.0 keep=base link=200Mbit/s
	// app/api:1.0 keep=base link=200Mbit/s+20ms
}
