package export

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/document"
)

// TestCacheSet: what is exported is read back by the strict reader, and says what the
// plan says, in whole GiB.
func TestCacheSet(t *testing.T) {
	data := render(t, CacheApply, shop(), Options{Caches: CacheOptions{Set: "shop", RetentionDays: 30, Reuse: true}})
	got, err := ReadCacheSet("caches.yaml", data)
	if err != nil {
		t.Fatalf("%v:\n%s", err, data)
	}
	want := &CacheSet{Name: "shop", Caches: []WantedCache{
		{Name: "shop-web-1a2b3c4d", Images: []string{"registry.example.com/shop/web:1.4.1", "registry.example.com/mesh/proxy:1.2"}, SizeGiB: 20, RetentionDays: 30, AutoMatchImageCache: true},
		{Name: "Batch/Report", Images: []string{"registry.example.com/batch/report:2026.11"}, SizeGiB: 41, RetentionDays: 30, AutoMatchImageCache: true},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// The project's own JSON of it is the same file.
	if written, err := document.Marshal(CacheSetKind, got); err != nil {
		t.Error(err)
	} else if again, err := ReadCacheSet("caches.json", written); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("by JSON: %v, %+v", err, again)
	}
}

// TestCacheSetFaults: what the service would refuse is refused with its place.
func TestCacheSetFaults(t *testing.T) {
	const head = "apiVersion: cachebench/v1\nkind: CacheSet\ncaches:\n"
	for text, want := range map[string]string{
		head + "  - {name: a, images: [x], sizeGiB: 20}\n  - {name: a, images: [x], sizeGiB: 20}\n": `caches.yaml:5: caches[1].name: duplicate cache "a"`,
		head + "  - {name: a, images: [x], sizeGiB: 19}\n":                                          "the range is 20 to 32768",
		head + "  - {name: a, images: [x], sizeGiB: 20.5}\n":                                        "caches[0].sizeGiB",
		head + "  - {name: a, images: [], sizeGiB: 20}\n":                                           "images",
		head + "  - {name: a, images: ['oci:dir'], sizeGiB: 20}\n":                                  "caches[0].images[0]",
		head + "  - {name: a, images: [x], sizeGiB: 20, retentionDays: -1}\n":                       "retentionDays",
		head + "  - {name: a, images: [x], sizeGiB: 20, id: imc-1}\n":                               "id",
		"apiVersion: cachebench/v1\nkind: Caches\ncaches: []\n":                                     "the kind is Caches",
	} {
		if _, err := ReadCacheSet("caches.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestImageCaches holds the resources to what the fact sheet states of theirs.
func TestImageCaches(t *testing.T) {
	s := schema(t, "imagecache.schema.json")
	in := shop()
	in.Plan.Platform = "linux/arm64/v8"
	docs := documents(t, render(t, ImageCacheCRD, in, Options{ImagePullSecrets: []string{"shop:regcred"}, Caches: CacheOptions{RetentionDays: 7, Reuse: true, Flash: true}}))
	if len(docs) != 2 {
		t.Fatalf("%d resources", len(docs))
	}
	for _, d := range docs {
		valid(t, s, d)
	}
	o := decoded(t, docs[1]).(map[string]any)
	annotations := o["metadata"].(map[string]any)["annotations"]
	if want := map[string]any{"k8s.aliyun.com/imc-enable-reuse": "true", "k8s.aliyun.com/imc-enable-flash": "true", "k8s.aliyun.com/imc-cpu-arch": "arm64"}; !reflect.DeepEqual(annotations, want) {
		t.Errorf("annotations %v, want %v", annotations, want)
	}
	// A schema that takes anything would say nothing.
	odd := strings.Replace(string(docs[1]), "imageCacheSize", "imageCacheSizeGiB", 1)
	if s.Validate(decoded(t, []byte(odd))) == nil {
		t.Error("the schema takes an unknown field")
	}
}

// TestFirst: the first of a plan can be exported alone, and then apps of the other
// caches get none.
func TestFirst(t *testing.T) {
	opt := Options{First: 1}
	set, err := ReadCacheSet("x", render(t, CacheApply, shop(), opt))
	if err != nil || len(set.Caches) != 1 || set.Caches[0].Name != "shop-web-1a2b3c4d" {
		t.Errorf("%v, %+v", err, set)
	}
	patches := render(t, PodPatches, shop(), opt)
	if len(documents(t, patches)) != 3 || strings.Contains(string(patches), "imc-report") || !strings.Contains(string(patches), "No cache is named for batch/CronJob/report, ci.") {
		t.Errorf("patches:\n%s", patches)
	}
	if got := lines(render(t, List, shop(), opt)); len(got) != 3 {
		t.Errorf("list %q", got)
	}
	if got := lines(render(t, ImageList, shop(), opt)); len(got) != 1 {
		t.Errorf("images %q", got)
	}
}
