package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/cachebench/cachebench/internal/planinstance"
)

func main() {
	images := flag.Int("images", 50, "")
	from := flag.Uint64("from", 1, "")
	to := flag.Uint64("to", 100, "")
	flag.Parse()
	for seed := *from; seed <= *to; seed++ {
		fmt.Printf("%d-%d\t", *images, seed)
		planinstance.New(*images, seed).Write(os.Stdout)
	}
}
