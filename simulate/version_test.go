package simulate

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/golden"
)

// TestModelVersion: what startups come to is bound to a version of the model. The case
// has most of the rules in it: requests and connections, slots, links, the order of
// requests, cores, a cache that is read first, what a node holds, refusals and draws.
func TestModelVersion(t *testing.T) {
	const path = "testdata/model/version.txt"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readCase(path, data)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("model %d\n", ModelVersion) + c.write(run(t, c.inv, c.profile, c.options, c.starts...))
	switch {
	case got == c.timeline:
	case strings.HasPrefix(c.timeline, fmt.Sprintf("model %d\n", ModelVersion)):
		t.Errorf("the same starts come to other numbers: raise ModelVersion, for results of before and after do not compare; then go test -update rewrites what was expected (-want +got):\n%s", cmp.Diff(c.timeline, got))
	case golden.Updating():
		c.update(t, path, got)
	default:
		t.Errorf("model %d has no numbers yet: go test ./simulate -run ModelVersion -update", ModelVersion)
	}
}

// TestProfileDigest: every value of a profile is in its digest, and neither its name nor
// where values come from. Fields are found by reflection, so that none is forgotten.
func TestProfileDigest(t *testing.T) {
	base, err := BuiltIn("containerd")
	if err != nil {
		t.Fatal(err)
	}
	want, changed := base.Digest(), 0
	var each func(v reflect.Value, path string)
	each = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			field, name := v.Field(i), path+"."+v.Type().Field(i).Name
			switch isParameter := field.Kind() == reflect.Struct && field.FieldByName("Sigma").IsValid(); {
			case isParameter:
				kept := reflect.ValueOf(field.Interface())
				field.FieldByName("Source").SetString("measured elsewhere")
				if base.Digest() != want {
					t.Errorf("the source of %s is in the digest", name)
				}
				field.FieldByName("Distribution").SetString("")
				switch value := field.FieldByName("Value"); value.Kind() {
				case reflect.Int64:
					value.SetInt(value.Int() + 12345)
				case reflect.Float64:
					value.SetFloat(0.12345678901234)
				case reflect.Bool:
					value.SetBool(!value.Bool())
				default:
					value.SetString("another")
				}
				if changed++; base.Digest() == want {
					t.Errorf("%s is not in the digest", name)
				}
				field.Set(kept)
			case field.Kind() == reflect.Struct:
				each(field, name)
			}
		}
	}
	each(reflect.ValueOf(base).Elem(), "")
	if changed < len(base.Values()) || base.Digest() != want {
		t.Errorf("%d values were changed, the profile has %d", changed, len(base.Values()))
	}
	base.Name = "another"
	if base.Digest() != want {
		t.Error("the name is in the digest")
	}
	const head = "apiVersion: cachebench/v1\nkind: Profile\nname: p\n"
	seen := map[string]string{}
	for _, text := range []string{
		"", "network: {attach: [a], links: {a: {bytesPerSecond: 1GB/s}}}", "network: {attach: [a], links: {a: {bytesPerSecond: 2GB/s}}}",
		"nodeClasses: {big: {unpack: {cores: 8}}}", "nodeClasses: {big: {unpack: {cores: 9}}}", "nodeClasses: {small: {unpack: {cores: 8}}}",
		"start: {readySeconds: {distribution: uniform, min: 1, max: 2}}", "start: {readySeconds: {distribution: uniform, min: 1, max: 3}}",
		"start: {readySeconds: {distribution: lognormal, median: 1, sigma: 0.5}}", "start: {readySeconds: {distribution: lognormal, median: 1, sigma: 0.6}}",
	} {
		p, err := ReadProfile("p.yaml", []byte(head+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		digest := string(p.Digest())
		if other, ok := seen[digest]; ok {
			t.Errorf("%q and %q have one digest", text, other)
		}
		seen[digest] = text
	}
	p, err := ReadProfile("p.yaml", []byte(head+"start: {readySeconds: {value: 1, source: assumed here}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	other := *p
	other.Start.Ready.Source = "published there"
	if p.Digest() != other.Digest() || p.Start.Ready.Value != time.Second {
		t.Error("the source is in the digest")
	}
}
