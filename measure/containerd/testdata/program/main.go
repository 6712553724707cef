// Program is what the containers of the tests run.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	what, arg := "end", "0"
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	if len(os.Args) > 2 {
		arg = os.Args[2]
	}
	switch what {
	case "say": // each argument a line
		for _, line := range os.Args[2:] {
			fmt.Println(line)
		}
		time.Sleep(time.Hour)
	case "serve":
		fmt.Println(http.ListenAndServe("127.0.0.1:"+arg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				w.WriteHeader(http.StatusNotFound)
			}
		})))
	case "end":
		code, _ := strconv.Atoi(arg)
		fmt.Println("ends with", code)
		os.Exit(code)
	}
}
