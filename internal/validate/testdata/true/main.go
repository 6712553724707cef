// Program true ends at once, well: what the containers of small_test.go run.
package main

func main() {}
