package ecitest_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
)

// client speaks the wire as eci §2.1 says the SDK does, with code of its own.
type client struct {
	t      testing.TB
	url    string
	key    ecitest.AccessKey
	method string
	region string
	// stamp is the Timestamp's time; nil is now.
	stamp func() time.Time
}

var nonceCounter atomic.Int64

func newClient(t testing.TB, s *ecitest.Server) *client {
	return &client{t: t, url: s.URL, key: ecitest.TestKey(), method: http.MethodPost, region: "cn-hangzhou"}
}

// serve is a server with a client of its default key.
func serve(t testing.TB, opt ecitest.Options) (*ecitest.Server, *client) {
	s := ecitest.NewServer(opt)
	t.Cleanup(s.Close)
	return s, newClient(t, s)
}

// reply is an answer.
type reply struct {
	status int
	raw    []byte
	body   map[string]any
}

func (r *reply) code() string { return r.text("Code") }

// text is what stands at a path such as ImageCaches.0.Status.
func (r *reply) text(path string) string {
	v := at(r.body, path)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func at(v any, path string) any {
	for _, key := range strings.Split(path, ".") {
		switch t := v.(type) {
		case map[string]any:
			v = t[key]
		case []any:
			var i int
			if n, err := fmt.Sscan(key, &i); n != 1 || err != nil || i >= len(t) {
				return nil
			}
			v = t[i]
		default:
			return nil
		}
	}
	return v
}

// list are the elements of a list at a path.
func (r *reply) list(path string) []any {
	l, _ := at(r.body, path).([]any)
	return l
}

// parameters are those of a call, signed.
func (c *client) parameters(action string, pairs ...string) url.Values {
	v := url.Values{}
	now := time.Now()
	if c.stamp != nil {
		now = c.stamp()
	}
	for name, value := range map[string]string{
		"Action": action, "Version": "2018-08-08", "Format": "JSON", "AccessKeyId": c.key.ID, "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
		"SignatureType": "", "SignatureNonce": fmt.Sprintf("%x-%d", time.Now().UnixNano(), nonceCounter.Add(1)),
		"Timestamp": now.UTC().Format("2006-01-02T15:04:05Z"), "RegionId": c.region,
	} {
		v.Set(name, value)
	}
	if c.key.SecurityToken != "" {
		v.Set("SecurityToken", c.key.SecurityToken)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	v.Set("Signature", sign(c.method, v, c.key.Secret))
	return v
}

// sign is the SDK's way: encode, then repair.
func sign(method string, v url.Values, secret string) string {
	text := strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(v.Encode())
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	io.WriteString(mac, method+"&%2F&"+url.QueryEscape(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// send sends signed parameters in the query.
func (c *client) send(v url.Values) (*reply, error) {
	request, err := http.NewRequest(c.method, c.url+"/?"+v.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	r := &reply{status: response.StatusCode}
	if r.raw, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	return r, json.Unmarshal(r.raw, &r.body)
}

// try calls an action, which may be refused.
func (c *client) try(action string, pairs ...string) *reply {
	c.t.Helper()
	r, err := c.send(c.parameters(action, pairs...))
	if err != nil {
		c.t.Fatalf("%s: %v", action, err)
	}
	return r
}

// do calls an action that must succeed.
func (c *client) do(action string, pairs ...string) *reply {
	c.t.Helper()
	r := c.try(action, pairs...)
	if r.status != http.StatusOK {
		c.t.Fatalf("%s: %d %s", action, r.status, r.raw)
	}
	return r
}

// refused calls an action that must be refused so.
func (c *client) refused(status int, code, action string, pairs ...string) {
	c.t.Helper()
	if r := c.try(action, pairs...); r.status != status || r.code() != code {
		c.t.Errorf("%s %v: %d %s, want %d %s", action, pairs, r.status, r.raw, status, code)
	}
}

// createCache makes an image cache and returns its ID.
func (c *client) createCache(name string, images []string, more ...string) string {
	c.t.Helper()
	return c.do("CreateImageCache", append(cacheParameters(name, images), more...)...).text("ImageCacheId")
}

func cacheParameters(name string, images []string) []string {
	pairs := []string{"ImageCacheName", name, "SecurityGroupId", "sg-1", "VSwitchId", "vsw-1"}
	for i, image := range images {
		pairs = append(pairs, fmt.Sprintf("Image.%d", i+1), image)
	}
	return pairs
}

// createGroup makes a container group of images and returns its ID.
func (c *client) createGroup(name string, images []string, more ...string) string {
	c.t.Helper()
	return c.do("CreateContainerGroup", append(groupParameters(name, images), more...)...).text("ContainerGroupId")
}

func groupParameters(name string, images []string) []string {
	pairs := []string{"ContainerGroupName", name}
	for i, image := range images {
		prefix := fmt.Sprintf("Container.%d.", i+1)
		pairs = append(pairs, prefix+"Name", fmt.Sprintf("c%d", i+1), prefix+"Image", image)
	}
	return pairs
}

func (c *client) cache(id string) *reply {
	c.t.Helper()
	r := c.do("DescribeImageCaches", "ImageCacheId", id)
	r.body, _ = at(r.body, "ImageCaches.0").(map[string]any)
	return r
}

func (c *client) group(id string) *reply {
	c.t.Helper()
	r := c.do("DescribeContainerGroups", "ContainerGroupIds", `["`+id+`"]`, "WithEvent", "true")
	r.body, _ = at(r.body, "ContainerGroups.0").(map[string]any)
	return r
}

// reasons are those of the events of a reply, with their times.
func (r *reply) reasons() []string {
	var all []string
	for _, e := range r.list("Events") {
		all = append(all, fmt.Sprint(at(e, "Reason")))
	}
	return all
}
