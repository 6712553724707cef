package main

import (
	"context"
	"fmt"
)

func main() {
	for _, p := range publishedCases() {
		d, err := p.simulated(context.Background())
		fmt.Printf("%-60s %-16s %7.1f s %v\n", p.what, p.figure, d.Seconds(), err)
	}
}
