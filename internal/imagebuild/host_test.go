package main

import "testing"

func TestSourceLines(t *testing.T) {
	const targets = `http://archive.example.com/debian/ bookworm main
http://archive.example.com/debian/ bookworm main
http://archive.example.com/debian/ bookworm contrib
http://archive.example.com/security/ bookworm-security main
http://other.example.com/ bookworm-pgdg main
http://other.example.com/node/ nodistro main
`
	const want = "deb http://archive.example.com/debian/ bookworm main\n" +
		"deb http://archive.example.com/security/ bookworm-security main\n"
	if got := sourceLines(targets); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
