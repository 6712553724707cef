package ecigroup

import (
	"strings"
	"testing"
)

// TestFileRefusals: what cannot be measured is refused when the file is read, by its key
// where it is one key's fault; what may be a password is not repeated.
func TestFileRefusals(t *testing.T) {
	const head = "apiVersion: cachebench/v1\nkind: ECIExperiment\n"
	const app = "apps: [{images: [\"web:1\"]}]\n"
	for text, want := range map[string]string{
		"":                                            "the key apps is missing",
		"apps: []\n":                                  "no image is named",
		"apps: [{name: a, images: []}]\n":             "apps[0].images: ",
		"apps: [{images: [\"Web:1\"]}]\n":             "Web:1",
		"apps: [{images: [\"oci:x:web\"]}]":           "ECI pulls from registries",
		app + "region: Hangzhou\n":                    "region: ",
		app + "warmup: -1\n":                          "warmup: ",
		app + "retries: -1\n":                         "retries: ",
		app + "repeats: -1\n":                         "-1 repeats",
		app + "arms: [warm]\n":                        `arm "warm" is none of`,
		app + "maxCost: {amount: 1}\n":                "the key currency is missing",
		app + "maxCost: {amount: 0, currency: USD}\n": "maxCost.amount: ",
		app + "osType: Windows\n":                     "osType: ",
		app + "flashCopyCount: 2\n":                   "flashCopyCount: ",
		app + "cache: {sizeGiB: 10}\narms: [flash]\n": "10 is not between 20 and 32768",
		app + "tags: {cachebench-run: x}\n":           "",
		app + "yes: true\n":                           "yes: unknown key",
		app + "registryLogins: [{server: a.example.com, from: hunter2}]\n": "registryLogins[0].from: ",
	} {
		_, err := ReadFile("x.yaml", []byte(head+text))
		if want == "" { // which flags may overrule: the experiment itself refuses it
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
