package eci

import "testing"

// TestMasks: passwords are found within words unless they are too short for that;
// values that may be no secrets only as words, and only if they are long.
func TestMasks(t *testing.T) {
	hide := hider([]Secret{"hunter22", "abc", "p/w"}, []Secret{"cn-hangzhou", "Info", "production", "a=b&c=d e"})
	for text, want := range map[string]string{
		"of xhunter22x":                                   "of x***x",
		"login abc, abcd":                                 "login ***, abcd",
		"the p/w and p%2Fw of it":                         "the *** and *** of it",
		"Password%3Dabc%26x":                              "Password%3D***%26x",
		"InfoLevel Info in region cn-hangzhou-h":          "InfoLevel Info in region ***-h",
		"preproduction, production":                       "preproduction, ***",
		"Value%253Dproduction%2526":                       "Value%253D***%2526",
		"a=b&c=d e is a%3Db%26c%3Dd%20e":                  "*** is ***",
		"äproduction productionß productionx_ production": "äproduction productionß productionx_ ***",
	} {
		if got := hide(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
