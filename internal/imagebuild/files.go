package main

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strings"
)

// appFiles are the hand-written files of the shop.
//
//go:embed app
var appFiles embed.FS

// appFile returns one of appFiles; they are part of the program.
func appFile(name string) []byte {
	data, err := appFiles.ReadFile("app/" + name)
	if err != nil {
		panic(err)
	}
	return data
}

// shopStatic returns what both versions of the shop serve unchanged: pictures,
// which do not compress, and a style sheet.
func shopStatic() []file {
	files := []file{{path: "app/static/shop.css", mode: 0o644, data: appFile("shop.css")}}
	random := newRandom("pictures")
	for i := range 240 {
		files = append(files, file{
			path: fmt.Sprintf("app/static/products/%04d.jpg", i),
			mode: 0o644,
			data: noise(random, 20_000+random.IntN(60_000)),
		})
	}
	return files
}

// shopFiles returns the application itself, which differs by version.
func shopFiles(version string) []file {
	return []file{
		{path: "app/VERSION", mode: 0o644, data: []byte(version + "\n")},
		{path: "app/shop.py", mode: 0o644, data: appFile("shop.py")},
		{path: "app/settings.json", mode: 0o644, data: appFile("settings.json")},
		{path: "app/templates/index.html", mode: 0o644, data: appFile("index.html")},
		{path: "app/catalog.json", mode: 0o644, data: shopCatalog(version, 20_000)},
		{path: "app/static/shop.js", mode: 0o644, data: script(version, 900_000)},
	}
}

// ordersFiles returns a service's archive with its libraries in it.
func ordersFiles() []file {
	return []file{{path: "app/orders.jar", mode: 0o644, data: noise(newRandom("orders"), 38_000_000)}}
}

// shopCatalog returns n products as JSON lines.
func shopCatalog(version string, n int) []byte {
	random := newRandom("catalog " + version)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":%d,"name":"%s %s","price_cents":%d,"stock":%d,"picture":"products/%04d.jpg","about":"%s"}`+"\n",
			i, word(random), word(random), 99+random.IntN(50_000), random.IntN(900), i%240, sentence(random, 24))
	}
	return []byte(b.String())
}

// script returns about size bytes that compress as minified JavaScript does.
func script(version string, size int) []byte {
	random := newRandom("script " + version)
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "function %s(%s,%s){return %s.%s(%s,%d)}", word(random), "a", "b", "a", word(random), "b", random.IntN(1000))
	}
	return []byte(b.String())
}

// sentence returns n words.
func sentence(random *rand.Rand, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = word(random)
	}
	return strings.Join(words, " ")
}

// word returns a pronounceable word of two or three syllables.
func word(random *rand.Rand) string {
	const consonants, vowels = "bdfgklmnprstvz", "aeiou"
	var b strings.Builder
	for range 2 + random.IntN(2) {
		b.WriteByte(consonants[random.IntN(len(consonants))])
		b.WriteByte(vowels[random.IntN(len(vowels))])
	}
	return b.String()
}

// noise returns bytes that do not compress.
func noise(random *rand.Rand, size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// newRandom returns a generator that gives the same for the same seed, always.
func newRandom(seed string) *rand.Rand {
	var key [32]byte
	copy(key[:], seed)
	return rand.New(rand.NewChaCha8(key))
}
