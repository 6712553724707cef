package layers

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/registry/faulty"
)

// Hosts of the tests' network. Secrets of theirs have the word in them.
const (
	goodHost    = "registry.test"
	badHost     = "bad.test"
	storageHost = "storage.test"
	// The two registries have token servers of their own.
	goodTokenHost = "auth.registry.test"
	badTokenHost  = "auth.bad.test"
)

// goods is how many good images a market has.
const goods = 49

// A market is what registries hold: by path, any repository has every digest.
type market struct {
	*shelf
	// references are those of the good images.
	references []string
}

// newMarket makes images of two layers, on four bases, each seventh in an index.
func newMarket(t *testing.T) *market {
	t.Helper()
	m := &market{shelf: newShelf()}
	for i := range goods {
		name := fmt.Sprintf("app-%02d", i)
		image := m.put(t, name, "base "+fmt.Sprint(i%4), "of "+name)
		tag := image
		if i%7 == 0 {
			arm := fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%064d","size":500,"platform":{"os":"linux","architecture":"arm64"}}`, v1.MediaTypeImageManifest, i)
			amd := strings.TrimSuffix(image, "}") + `,"platform":{"os":"linux","architecture":"amd64"}}`
			tag = m.index("", arm, amd)
		}
		m.tags["team/"+name+":1"] = digestIn(tag)
		m.references = append(m.references, goodHost+"/team/"+name+":1")
	}
	return m
}

// put makes an image with layers of the texts given and returns its descriptor.
func (m *market) put(t *testing.T, author string, texts ...string) string {
	t.Helper()
	var ids, blobs, steps []string
	for _, text := range texts {
		layer := realLayer(t, map[string]string{"etc/file": strings.Repeat(text, 1000)})
		id, _ := layer.DiffID()
		stored, _ := layer.Compressed()
		blob, err := io.ReadAll(stored)
		if err != nil {
			t.Fatal(err)
		}
		ids, steps = append(ids, fmt.Sprintf("%q", id)), append(steps, fmt.Sprintf(`{"created_by":"RUN %s"}`, text))
		blobs = append(blobs, m.add("", v1.MediaTypeImageLayerGzip, string(blob)))
	}
	config := m.add("", v1.MediaTypeImageConfig, `{"os":"linux","architecture":"amd64","created":"2026-11-23T00:00:00Z","author":"`+author+
		`","rootfs":{"type":"layers","diff_ids":[`+strings.Join(ids, ",")+`]},"history":[`+strings.Join(steps, ",")+`]}`)
	return m.manifest(config, blobs...)
}

// manifest makes a manifest of descriptors and returns its own.
func (m *market) manifest(config string, blobs ...string) string {
	return m.add("", v1.MediaTypeImageManifest, `{"schemaVersion":2,"mediaType":"`+v1.MediaTypeImageManifest+`","config":`+config+`,"layers":[`+strings.Join(blobs, ",")+`]}`)
}

// digestIn is a descriptor's digest.
func digestIn(descriptor string) string {
	_, rest, _ := strings.Cut(descriptor, `"digest":"`)
	digest, _, _ := strings.Cut(rest, `"`)
	return digest
}

// ServeHTTP serves tags, documents and blobs, with their digests and in parts.
func (m *market) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	digest := path[strings.LastIndex(path, "/")+1:]
	if tagged, ok := m.tags[strings.Replace(path, "/manifests/", ":", 1)]; ok {
		digest = tagged
	}
	body, ok := m.digests[digest]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", m.types[digest])
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
}

// The one login and the token that it gets.
const (
	user, password = "secret-user", "secret-password"
	token          = "secret-token"
)

// challengeOf is what a registry asks for who has no token.
func challengeOf(tokenHost string) string {
	return `Bearer realm="http://` + tokenHost + `/token?secret-query",service="the service"`
}

// guarded wants the token.
func guarded(good http.Handler, tokenHost string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			faulty.Answers(http.StatusUnauthorized, "", "Www-Authenticate", challengeOf(tokenHost))(w, r, nil)
			return
		}
		good.ServeHTTP(w, r)
	})
}

// tokens gives it to the login.
func tokens(w http.ResponseWriter, r *http.Request) {
	if name, word, _ := r.BasicAuth(); name != user || word != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"token":%q}`, token)
}

// A visit is one run of Resolve on a market's hosts, each of which may have a
// fault.
type visit struct {
	opt        Options
	references []string
	// faults are by host.
	faults map[string]faulty.Fault

	// What came of it: servers by host, how long it took on the market's clock.
	servers map[string]*faulty.Server
	took    time.Duration
	inv     *Inventory
	err     error
}

// open opens the market in a bubble, and has test look at it. Whatever test does,
// no secret leaves the hosts that it is for.
func (v *visit) open(t *testing.T, m *market, test func(t *testing.T, opt Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := faulty.NewNetwork()
		defer network.Close()
		v.servers = map[string]*faulty.Server{
			goodHost: {Good: guarded(m, goodTokenHost)}, goodTokenHost: {Good: http.HandlerFunc(tokens)},
			badHost: {Good: guarded(m, badTokenHost)}, badTokenHost: {Good: http.HandlerFunc(tokens)},
			storageHost: {Good: m},
		}
		for host, server := range v.servers {
			server.Always = v.faults[host]
			network.Serve(host, server)
		}
		opt := v.opt
		opt.Username, opt.Password = user, password
		opt.PlainHTTP, opt.DialContext = network.Hosts(), network.Dial
		opt.Now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		test(t, opt)
		for _, r := range v.servers[storageHost].Requests() {
			if r.Authorization != "" {
				t.Errorf("storage gets the authorization %q", r.Authorization)
			}
		}
	})
}

// resolve resolves the visit's references, or the market's.
func (v *visit) resolve(t *testing.T, m *market) {
	t.Helper()
	v.open(t, m, func(t *testing.T, opt Options) {
		references := v.references
		if references == nil {
			references = m.references
		}
		start := time.Now()
		v.inv, v.err = Resolve(t.Context(), references, opt)
		v.took = time.Since(start)
		hasNoSecret(t, fmt.Sprintf("%s\n%v", inventoryJSON(t, v.inv), v.err))
	})
}

// hasNoSecret looks for what the hosts must keep to themselves.
func hasNoSecret(t *testing.T, text string) {
	t.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	if strings.Contains(strings.ToLower(text), "secret") || strings.Contains(text, encoded) {
		t.Errorf("a secret is told: %s", text)
	}
}

// inventoryJSON is an Inventory as it is saved.
func inventoryJSON(t *testing.T, inv *Inventory) string {
	t.Helper()
	data, err := document.Marshal(InventoryKind, inv)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
